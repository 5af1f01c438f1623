"""Arguments that the commands for one video share."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, get_args

from pipeline.command import PROGRAM
from pipeline.one_video.choice import ChoiceError, DeviceName, Run, SRChoice, sr_by_name


def parser(name: str, about: str, examples: str) -> argparse.ArgumentParser:
    """A parser whose ``--help`` shows what a command does and examples of it."""
    made = argparse.ArgumentParser(
        prog=f"{PROGRAM} {name}",
        description=about,
        epilog=examples.format(program=PROGRAM),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("--traceback", action="store_true", help="show where an error came from")
    return made


def add_run(to: argparse.ArgumentParser) -> None:
    """The configuration."""
    to.add_argument(
        "--configfile",
        type=Path,
        metavar="FILE",
        help="configuration whose run made the weights; default: config.yaml of this folder, or the demo's",
    )


def add_sr(to: argparse.ArgumentParser) -> None:
    """Which SR network with which weights."""
    to.add_argument(
        "--method", metavar="NAME", help="row or model of the configuration, such as sosr or tosr"
    )
    add_run(to)
    to.add_argument("--weights", type=Path, metavar="FILE", help="weights instead: a checkpoint of RecoSR")
    to.add_argument(
        "--network", metavar="NAME", help="network of --weights that are published, or one without weights"
    )
    to.add_argument(
        "--args", type=_arguments, metavar="JSON", help="the network's arguments: '{\"depth\": 20}'"
    )
    to.add_argument(
        "--scale", type=int, choices=(2, 3, 4, 8), help="scale of --weights that are published; default: 4"
    )


def add_machine(to: argparse.ArgumentParser) -> None:
    """What computes."""
    to.add_argument(
        "--device", choices=get_args(DeviceName), help="default: cuda if there is a GPU, else cpu"
    )
    to.add_argument("--threads", type=_count, metavar="N", help="CPU threads; default: all cores")


def choose_sr(given: argparse.Namespace) -> SRChoice:
    """The SR network that the arguments name. Raises ChoiceError."""
    by_name = given.weights is not None or given.network is not None
    if by_name and given.method:
        raise ChoiceError(
            "--method takes its network and weights from a run; leave out --weights and --network"
        )
    if by_name:
        return sr_by_name(given.weights, given.network, given.args, given.device, given.threads, given.scale)
    run = Run(given.configfile)
    if not given.method:
        names = [name for name, row in run.config.methods.items() if row.model not in (None, "hr")]
        raise ChoiceError(f"give --method, one of {', '.join(names)} (of {run.path}); or --weights FILE")
    if given.scale is not None:
        raise ChoiceError("--scale belongs to --network; a method has its configuration's scale")
    if given.args is not None:
        raise ChoiceError("--args belongs to --network; a method's arguments stand in the configuration")
    return run.sr(given.method, given.device, given.threads)


def _arguments(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error} (found {text!r})") from None
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError(
            f'expected names with values, as in {{"depth": 20}} (found {text!r})'
        )
    return found


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"expected a number from 1 (found {text!r})")
    return int(text)
