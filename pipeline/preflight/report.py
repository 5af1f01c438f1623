"""Before any job: what a run needs, what is there, and what it will take."""

from __future__ import annotations

import shutil
import sys
import textwrap
from pathlib import Path

from pipeline.config import Config
from pipeline.config.load import load_config
from pipeline.config.needs import Need, find_needs
from pipeline.config.text import read_config
from pipeline.errors import PipelineError
from pipeline.preflight.cost import Estimate, Work
from pipeline.preflight.counts import NAMED, count_clips, count_videos
from pipeline.preflight.inspection import Inspector
from pipeline.preflight.throughput import GPU_TFLOPS, measured_on, read_measured

WIDTH = 130
"""Columns of the report."""


class PreflightError(PipelineError):
    """Data or weights that a run would stop for."""


def preflight(
    config: Path,
    data_root: Path | None = None,
    output: Path | None = None,
    measure: bool = False,
    name_all: bool = False,
) -> None:
    """Tell what a run of a configuration needs, what is there, where to get the rest, and what it takes.

    Nothing is decoded, and nothing is written but what ``measure`` asks for.

    Args:
        config: YAML file, such as config/paper.yaml.
        data_root: folder of data and weights, in place of the file's.
        output: folder of results, in place of the file's.
        measure: first time the run's networks on this machine, with random weights; the hours of every later
            report stand on that (OUTPUT/throughput.csv).
        name_all: name every training video that is missing, unlisted or not as listed, not the first few.

    Raises:
        ConfigError, ConfigTextError: the configuration cannot be used.
        PreflightError: something is missing; the report says what and where to get it.
        DataError: a split list or a manifest is malformed.
        DeviceError: ``measure`` on a device that this machine does not have.
        ThroughputError: OUTPUT/throughput.csv is malformed.
    """
    changes = {"data_root": data_root, "output": output}
    raw = read_config(config)
    raw |= {key: str(path) for key, path in changes.items() if path}
    inspect = Inspector(machine=False)
    checked = load_config(raw, False, inspect)
    if measure and not checked.demo:
        # Here, because torch takes a second to load, and the Snakefile imports this module.
        from pipeline.preflight.measure import measure_operations

        measure_operations(checked)
    report = check(checked, name_all)
    print(report or "preflight: generated data; nothing is needed", end="" if report else "\n")
    print("".join(f"  {note}\n" for note in inspect.notes), end="")
    sys.stdout.flush()
    if lacking := [need for need in find_needs(checked) if need.problem]:
        raise PreflightError(f"{len(lacking)} of the data and weights are missing; the report names them")


def check(config: Config, name_all: bool = False) -> str:
    """The report, or nothing for a demo, which needs nothing.

    Args:
        config: the configuration.
        name_all: as ``preflight`` has it.

    Raises:
        DataError: a split list or a manifest is malformed.
        ThroughputError: OUTPUT/throughput.csv is malformed.
    """
    if config.demo:
        return ""
    needs = find_needs(config)
    clips = {name: count_clips(config, name) for name in config.datasets}
    videos = count_videos(config, None if name_all else NAMED)
    estimate = Estimate(config, clips, videos, read_measured(config))
    work = estimate.work()
    lines = ["preflight:"]
    if estimate.trained_models:
        lines += _entry("training_videos", videos.told)
    for name, counted in clips.items():
        lines += _entry(name, counted.told)
    lines += _weights(needs)
    lacking = [need.problem for need in needs if need.problem]
    if lacking:
        lines.append("  missing; a run stops before its first job:")
        lines += [line for problem in lacking for line in _wrap(problem, "    ")]
    lines += _costs(config, work) + _entry("estimated from", _source(estimate))
    return "\n".join(lines) + "\n"


def _entry(name: str, told: str) -> list[str]:
    return _wrap(told, f"  {name:<17}")


def _wrap(text: str, start: str) -> list[str]:
    inner = " " * len(start) if start.strip() else start + "  "
    # Paths and addresses stay whole, for copying.
    wrapper = textwrap.TextWrapper(
        WIDTH, initial_indent=start, subsequent_indent=inner, break_long_words=False, break_on_hyphens=False
    )
    return wrapper.wrap(text)


def _weights(needs: list[Need]) -> list[str]:
    """The weights that are there, with their sizes."""
    found = [
        f"{need.path.name} ({_size(need.path.stat().st_size)})"
        for need in needs
        if "weights" in need.key and need.path and need.path.is_file()
    ]
    total = sum("weights" in need.key for need in needs)
    told = f"{len(found)} of {total} there{': ' if found else ''}{', '.join(found)}"
    return _entry("weights", told) if total else []


def _costs(config: Config, work: list[Work]) -> list[str]:
    lines = [f"  {'a whole run, table4.csv':<24}{'jobs':>8}{'CPU h':>10}{'GPU h':>10}{'disk':>10}"]
    for rule in work:
        lines.append(_row(rule.rule, rule))
    total = Work("", *(sum(getattr(w, f) for w in work) for f in ("jobs", "cpu_hours", "gpu_hours", "size")))
    lines.append(_row("together", total))
    place = next(p for p in (config.output, *config.output.resolve().parents) if p.is_dir())
    free = shutil.disk_usage(place).free
    short = "" if free > total.size else "  TOO LITTLE for a whole run"
    return lines + _entry("disk", f"about {_size(total.size)} needed, {_size(free)} free at {place}{short}")


def _source(estimate: Estimate) -> str:
    """What the hours stand on: what was measured where, and what was not."""
    compute, measured, rest = estimate.config.compute, estimate.measured, ", ".join(sorted(estimate.packaged))
    told = [f"CPU hours are of one core: {measured_on()}"]
    if measured.told:
        told.append(f"{measured.told}.")
    if compute.device == "cuda":
        if rest:
            which, why = (
                (f" of {rest}", "") if measured.seconds else ("", "; no GPU was measured (--measure does)")
            )
            told.append(
                f"GPU hours{which} are extrapolated: counted operations at {GPU_TFLOPS[compute.precision]:g} "
                f"TFLOP/s, assumed of an A100 in {compute.precision}{why}."
            )
        told.append("Reading data is not in GPU hours.")
    elif rest and measured.seconds:
        told.append(f"Not measured there: {rest}.")
    if estimate.unknown:
        told.append(f"Not counted, for want of a figure: {', '.join(sorted(estimate.unknown))}.")
    return " ".join(told)


def _row(name: str, work: Work) -> str:
    hours = [f"{value:.1f}" if value else "" for value in (work.cpu_hours, work.gpu_hours)]
    return f"    {name:<22}{work.jobs:>8,}{hours[0]:>10}{hours[1]:>10}{_size(work.size):>10}".rstrip()


def _size(value: float) -> str:
    for unit in ("bytes", "KB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            return f"{value:.3g} {unit}" if value else ""
        value /= 1000
    raise AssertionError("unreachable")
