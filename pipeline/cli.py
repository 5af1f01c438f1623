"""``python -m pipeline STAGE --argument value``: one sub-command a rule, and three for people.

The arguments are those of the stage's function: paths and text as they are, everything else as JSON,
checked against the function's types before the stage starts.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import sys
import tempfile
import textwrap
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pipeline import out_of_memory
from pipeline.command import COMMANDS, PROGRAM
from pipeline.environment import describe_machine
from pipeline.errors import PipelineError
from pipeline.field_types import describe
from pipeline.files import disk_full, free_space, no_space
from pipeline.request import Request
from pipeline.termination import TerminatedError, signals_as_exceptions

STAGES = {
    "generate-demo": "pipeline.data.demo.generate:generate_demo",
    "unpack-archive": "pipeline.data.archive:unpack_archive",
    "list-clips": "pipeline.data.listing:list_clips",
    "list-videos": "pipeline.data.listing:list_videos",
    "prepare-clips": "pipeline.data.prepare:prepare_clips",
    "prepare-native-clips": "pipeline.data.prepare:prepare_native_clips",
    "prepare-videos": "pipeline.data.prepare:prepare_videos",
    "degrade-frames": "pipeline.data.prepare:degrade_frames",
    "extract-flow": "pipeline.flow.extract:extract_flow",
    "extract-training-flow": "pipeline.flow.extract_training:extract_training_flow",
    "crop-patches": "pipeline.patches.crop:crop_patches",
    "train-sr": "pipeline.superres.training:train_sr",
    "super-resolve": "pipeline.superres.inference:super_resolve",
    "check-frames": "pipeline.superres.imported:check_frames",
    "import-frames": "pipeline.superres.imported:import_frames",
    "measure-cost": "pipeline.superres.cost:measure_cost",
    "plan-frames": "pipeline.recognition.plan:plan_frames",
    "train-recognizer": "pipeline.recognition.training:train_recognizer",
    "score-clips": "pipeline.recognition.scoring:score_clips",
    "measure-quality": "pipeline.quality.measure:measure_quality",
    "aggregate": "pipeline.report.aggregate:aggregate",
    "tabulate": "pipeline.report.tabulate:tabulate",
    "draw-table": "pipeline.report.tabulate:draw_table",
    "draw-comparison": "pipeline.report.picture:draw_comparison",
    "show-clips": "pipeline.report.page.clips:show_clips",
    "build-page": "pipeline.report.page.build:build_page",
    "pack-page": "pipeline.report.page.build:pack_page",
    "import-weights": "pipeline.import_weights:import_weights",
    "export-lr": "pipeline.export_lr:export_lr",
    "preflight": "pipeline.preflight.report:preflight",
}

FOR_PEOPLE = ("preflight", "import-weights", "export-lr")
"""Sub-commands that no rule calls."""

ON_VIDEOS = {
    "upscale": "pipeline.one_video.upscale",
    "recognise": "pipeline.one_video.recognise",
    "compare": "pipeline.one_video.compare",
    "init": "pipeline.one_video.init",
}
"""Commands for people with a parser of their own: ``parse`` of these modules returns the call."""

ABOUT = """RecoSR: does super-resolving low-resolution video help action recognition?

on one video:
  upscale         super-resolve a video, or a folder of videos
  recognise       say which action a video shows, with and without super-resolution
  compare         write a page that shows a video beside its super-resolved versions

on experiments:
  init            write a configuration for a folder of videos
  run             run an experiment: Snakemake with RecoSR's workflow
  path            print the folder of the Snakefile, the example configurations and the profiles
  preflight       report what a configuration lacks, and the jobs, hours and disk that it takes
  import-weights  convert published weights into RecoSR's checkpoint format
  export-lr       write the low-resolution test clips for another tool

`{program} COMMAND --help` explains a command."""

MANUAL = """stages, which Snakemake's rules call; call one yourself to debug a job:
{stages}

examples:
  {program} upscale in.mp4 out.mp4 --method tosr       super-resolve a video with what a run has trained
  {program} run --dry-run                              list the jobs of the demo
  {program} preflight --config c.yaml                  check a configuration of your own
  {program} run --cores 8 --configfile c.yaml          compute its Table 4
  {program} train-sr --help                            explain a stage's arguments"""

OUTPUTS = ("out", "csv", "folder", "hr", "assets")
"""Arguments that tell where stages write."""


def main(arguments: list[str]) -> int:
    """Run one stage; an error of its input or of the disk ends it with one readable line and status 1."""
    manual = _manual()
    stage = manual.parse_args(arguments[:1]).command
    if stage not in STAGES | ON_VIDEOS:
        manual.error(f"no command {stage!r}; choose from {', '.join([*ON_VIDEOS, *COMMANDS, *STAGES])}")
    module, _, name = (STAGES | ON_VIDEOS)[stage].partition(":")
    values: dict[str, Any] = {}
    try:
        with signals_as_exceptions():
            describe_machine()
            # Only the asked stage is imported: several of them never need torch.
            home = importlib.import_module(module)
            if stage in ON_VIDEOS:
                call = home.parse(arguments[1:])
                values = call.keywords
                call()
            else:
                function = getattr(home, name)
                values = _parse(stage, function, arguments[1:])
                function(**values)
    except TerminatedError as error:
        _say(f"{stage}: ended by {error.name}; what was unfinished is removed")
        raise
    except Exception as error:
        explained = _explain(error, values, arguments)
        if explained is None or "--traceback" in arguments:
            raise
        _say(f"{stage}: {explained}")
        return 1
    return 0


def _manual() -> argparse.ArgumentParser:
    stages = textwrap.wrap(", ".join(name for name in STAGES if name not in FOR_PEOPLE), 90)
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        usage=f"{PROGRAM} COMMAND [ARGUMENT ...]",
        description=ABOUT.format(program=PROGRAM),
        epilog=MANUAL.format(program=PROGRAM, stages="\n".join(f"  {line}" for line in stages)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", help=argparse.SUPPRESS)
    return parser


def _explain(error: Exception, values: dict[str, Any], arguments: list[str]) -> str | None:
    """What to say of an error; None for one of the program, whose traceback is needed."""
    said = f"{type(error).__name__}: {error}"
    if not isinstance(error, PipelineError) and out_of_memory.ran_out(error):
        return f"{said.strip()}\n{arguments[0]}: {out_of_memory.advice(arguments)}"
    cause = no_space(error)
    if cause and not isinstance(error, PipelineError):
        # Of something that is not renamed into place at its end, such as TensorBoard's files or the log.
        outputs = [Path(values[name]) for name in OUTPUTS if isinstance(values.get(name), Path)]
        error = disk_full(min([*outputs, Path(tempfile.gettempdir())], key=free_space), cause)
        said = f"{type(error).__name__}: {error}"
    return said if isinstance(error, PipelineError | OSError) else None


def _say(line: str) -> None:
    """Write to the log, or to the terminal where a full disk has no room for the log."""
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        print(line, flush=True)
        # At its exit Python would try again, fail again, and end with a status of its own.
        sys.stderr = None


def _parse(stage: str, function: Callable[..., None], arguments: list[str]) -> dict[str, Any]:
    hints = typing.get_type_hints(function, include_extras=True)
    requests = [hint for hint in hints.values() if _is_request(hint)]
    parser = argparse.ArgumentParser(
        prog=f"{PROGRAM} {stage}",
        description=inspect.getdoc(function),
        epilog="\n".join(f"REQUEST is JSON:\n{describe(request)}" for request in requests),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--traceback", action="store_true", help="show where an error came from")
    for name, parameter in inspect.signature(function).parameters.items():
        required = parameter.default is inspect.Parameter.empty
        many = hints[name] in (list[Path], list[Path] | None)
        parser.add_argument(
            f"--{name.rstrip('_').replace('_', '-')}",  # `as_` is --as
            dest=name,
            required=required,
            default=None if required else parameter.default,
            # An input that a rule does not have leaves its argument empty.
            nargs="*" if many else "?",
            const=True if hints[name] is bool else None,
            type=_Argument(Path | None if many else hints[name]),
            help="all settings of the stage, as below" if _is_request(hints[name]) else None,
            metavar=name.upper(),
        )
    values = vars(parser.parse_args(arguments))
    del values["traceback"]
    return {k: [v for v in value if v] if isinstance(value, list) else value for k, value in values.items()}


def _is_request(hint: Any) -> bool:
    return inspect.isclass(hint) and issubclass(hint, Request)


class _Argument:
    """Turns the text of one argument into a value of a type."""

    def __init__(self, hint: Any) -> None:
        self.adapter = TypeAdapter(hint)
        self.request = hint if _is_request(hint) else None
        is_choice = typing.get_origin(hint) in (typing.Literal, typing.Union, types.UnionType)
        plain = set(typing.get_args(hint)) if is_choice else {hint}
        self.optional = type(None) in plain
        self.as_is = bool(plain & {Path, str}) or all(isinstance(p, str) for p in plain)

    def __call__(self, text: str) -> Any:
        if self.optional and text == "":
            return None
        try:
            if self.request:
                return self.request.read(text)
            if self.as_is:
                return self.adapter.validate_python(text)
            return self.adapter.validate_json(text)
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(map(str, e['loc'])) or 'value'}: {e['msg']}" for e in error.errors()
            )
            raise argparse.ArgumentTypeError(f"{problems} (found {text!r})") from None
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{error} (found {text!r})") from None
