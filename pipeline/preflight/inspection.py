"""Checks before the first job: of networks, in a separate process with torch whose verdict is cached."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pipeline
from pipeline.config import Config
from pipeline.errors import PipelineError
from pipeline.experiment.code import recognizer_modules
from pipeline.files import atomic_path
from pipeline.fingerprint import PACKAGE, fingerprint
from pipeline.flow.compiler import cache_folder
from pipeline.preflight.counts import content
from pipeline.preflight.frames import frames_problems
from pipeline.preflight.machine import machine_problems
from pipeline.weights.location import IN_FOLDER, resolve

CHECKER = f"{PACKAGE}.preflight.networks"


class Inspector:
    """Checks networks, weights and the machine for ``load_config``.

    Args:
        machine: whether jobs run on this machine, so that its compiler and devices are checked.

    Attributes:
        notes: after a call, remarks on weights that fit.
    """

    def __init__(self, machine: bool) -> None:
        self.machine = machine
        self.notes: list[str] = []

    def __call__(self, config: Config) -> list[str]:
        """Lines "key: problem"; empty if there are none.

        A verdict without problems is cached under a digest of all that it depends on. Without torch in this
        environment (jobs may have their own) the jobs check networks themselves.
        """
        problems = [*(machine_problems() if self.machine else []), *frames_problems(config)]
        problems += list(degradation_problems(config))
        if importlib.util.find_spec("torch") is None:
            return problems
        devices = self.machine and config.compute.device == "cuda"
        key = verdict_key(config, devices)
        remembered = cache_folder() / "checked" / f"{key}.json"
        try:
            self.notes = json.loads(remembered.read_text("utf-8"))
            return problems
        except (OSError, ValueError):
            found = inspect_networks(config, devices)
        self.notes = found["notes"]
        if key and not found["problems"]:
            # If the cache cannot be written, networks are checked again next time.
            with suppress(OSError), atomic_path(remembered) as temporary:
                temporary.write_text(json.dumps(self.notes), "utf-8")
        return problems + found["problems"]


def degradation_problems(config: Config) -> Iterator[str]:
    """Lines for steps of degradations that this machine cannot apply, such as a codec that ffmpeg lacks."""
    chains = {"degradation": config.degradation}
    chains |= {f"degradations.{name}": chain for name, chain in config.degradations.items()}
    for key, chain in chains.items():
        for step in chain:
            try:
                problem = step.lacking()
            except PipelineError as error:
                problem = str(error)
            if problem:
                yield f"{key}.{step.step}: {problem}"


def inspect_networks(config: Config, devices: bool) -> dict[str, list[str]]:
    """``problems`` and ``notes`` of a process that builds every network and is started like a job.

    If that process dies, this is a problem too.
    """
    command = [sys.executable, "-m", CHECKER, *["--devices"] * devices]
    # The package is found from any working folder, and nothing in that folder hides a library.
    paths = [str(Path(pipeline.__file__).parent.parent), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONSAFEPATH": "1"}
    done = subprocess.run(
        command, input=config.model_dump_json(), capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode == 0:
        return json.loads(done.stdout)
    last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    return {"problems": [f"networks: the process that checks them ended with {last}"], "notes": []}


def verdict_key(config: Config, devices: bool) -> str | None:
    """A digest of all that a verdict depends on; None if the code of a network cannot be read."""
    try:
        code = fingerprint(CHECKER, "pipeline.weights.published", *_modules(config))
    except (ImportError, SyntaxError, OSError, ValueError):
        return None
    read = {"scale", "superres", "recognition", "flow", "patches"}
    # Classes matter only for given weights of a recogniser; otherwise the verdict holds for all data sets.
    given = any(recognizer.weights for recognizer in config.recognition.recognizers.values())
    read |= {"datasets", "output", "demo"} if given else set()
    parts = [config.model_dump_json(include=read), code, sys.executable, importlib.metadata.version("torch")]
    parts += [os.environ.get("PYTHONPATH", ""), str(devices)]
    if devices:
        parts.append(config.compute.model_dump_json())
        parts += [platform.node(), os.environ.get("CUDA_VISIBLE_DEVICES", "")]
        parts += [str(path) for path in sorted(Path("/dev").glob("nvidia*"))]
    for path in sorted(set(_files(config, given))):
        status = path.stat()
        parts.append(f"{path.absolute()} {status.st_size} {status.st_mtime_ns}")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _modules(config: Config) -> Iterator[str]:
    """The networks and losses that the configuration names."""
    for model in config.superres.models.values():
        yield model.module
        for loss in model.training.terms.values() if model.training else ():
            yield from loss.modules()
    for recognizer in config.recognition.recognizers.values():
        yield from recognizer_modules(recognizer, recognizer.streams)


def _module(stage: str, network: str) -> str:
    return network if ":" in network else f"pipeline.{stage}.networks.{network}"


def _files(config: Config, lists: bool) -> Iterator[Path]:
    """Existing weights, and the lists that name the classes."""
    named = [config.flow.flownet2.weights, config.superres.feature_network.weights]
    named += [model.weights for model in config.superres.models.values()]
    for recognizer in config.recognition.recognizers.values():
        for stream in recognizer.weights:
            named += [recognizer.weights_for(stream, dataset) for dataset in config.datasets]
        if weights := recognizer.initial_weights:
            with suppress(PipelineError):  # reported by the configuration's own check
                named.append(resolve(weights))
    for path in named:
        if path and path.is_file():
            yield path
            yield from path.parent.glob(f"{path.stem}.data-*-of-*")  # the data of a TensorFlow index
            if path.name == IN_FOLDER:
                yield from path.parent.glob("config.json")
    for name, dataset in config.datasets.items() if lists else ():
        splits = content(config, name, "splits", dataset.splits)
        if splits and splits.is_dir():
            yield from (path for path in splits.rglob("*") if path.is_file())
