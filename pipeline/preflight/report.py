"""The report before any job: what a run needs, what is missing, and what it will cost."""

from __future__ import annotations

import shutil
import sys
import textwrap
from pathlib import Path

from pipeline.config import Config
from pipeline.config.load import load_config
from pipeline.config.needs import Need, find_needs
from pipeline.config.text import read_config
from pipeline.data.manifest import DataError
from pipeline.errors import PipelineError
from pipeline.preflight.cost import Estimate, Work
from pipeline.preflight.counts import NAMED, Clips, count_clips, count_videos
from pipeline.preflight.inspection import Inspector
from pipeline.preflight.throughput import GPU_TFLOPS, measured_on, read_measured

WIDTH = 130
"""Width of the report in characters."""


class PreflightError(PipelineError):
    """Data or weights are missing, so a run would stop."""


def preflight(
    config: Path,
    data_root: Path | None = None,
    output: Path | None = None,
    measure: bool = False,
    name_all: bool = False,
) -> None:
    """Report what is missing for a run and where to get it, and estimate jobs, hours and disk.

    Nothing is decoded. Nothing is written, except with ``measure``.

    Args:
        config: YAML file, such as config/paper.yaml.
        data_root: folder of data and weights, instead of the file's.
        output: folder of results, instead of the file's.
        measure: first time the run's networks on this machine, with random weights; all later reports base
            their hours on this (OUTPUT/throughput.csv).
        name_all: name every training video that is missing, unlisted or not as listed, not only the first.

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
        # Imported here, because torch takes a second to load and the Snakefile imports this module.
        from pipeline.preflight.measure import measure_operations

        measure_operations(checked)
    report = check(checked, name_all)
    print(report or "preflight: generated data; nothing is needed", end="" if report else "\n")
    print("".join(f"  {note}\n" for note in inspect.notes), end="")
    sys.stdout.flush()
    if lacking := [need for need in find_needs(checked) if need.problem]:
        raise PreflightError(f"{len(lacking)} of the data and weights are missing; the report names them")


def check(config: Config, name_all: bool = False) -> str:
    """The report; empty for a demo, which needs no data.

    Args:
        config: the configuration.
        name_all: as in ``preflight``.

    Raises:
        DataError: a split list or a manifest is malformed.
        ThroughputError: OUTPUT/throughput.csv is malformed.
    """
    if config.demo:
        return ""
    needs = find_needs(config)
    clips = {name: _count(config, name) for name in config.datasets}
    videos = count_videos(config, None if name_all else NAMED)
    estimate = Estimate(config, clips, videos, read_measured(config))
    work = estimate.work()
    lines = ["preflight:"]
    if estimate.trained_models:
        lines += _entry("training_videos", videos.summary)
    for name, counted in clips.items():
        lines += _entry(name, counted.summary)
    lines += _weights(needs)
    lacking = [need.problem for need in needs if need.problem]
    if lacking:
        lines.append("  missing; a run stops before its first job:")
        lines += [line for problem in lacking for line in _wrap(problem, "    ")]
    lines += _costs(config, work) + _entry("estimated from", _source(estimate))
    return "\n".join(lines) + "\n"


def _count(config: Config, name: str) -> Clips:
    try:
        return count_clips(config, name)
    except DataError as error:
        raise DataError(f"datasets.{name}: {error}") from error


def _entry(name: str, text: str) -> list[str]:
    return _wrap(text, f"  {name:<17}")


def _wrap(text: str, start: str) -> list[str]:
    inner = " " * len(start) if start.strip() else start + "  "
    # Paths and URLs are not broken, so that they can be copied.
    wrapper = textwrap.TextWrapper(
        WIDTH, initial_indent=start, subsequent_indent=inner, break_long_words=False, break_on_hyphens=False
    )
    return wrapper.wrap(text)


def _weights(needs: list[Need]) -> list[str]:
    """The weights that exist, with their sizes."""
    found = [
        f"{need.path.name} ({_size(need.path.stat().st_size)})"
        for need in needs
        if "weights" in need.key and need.path and need.path.is_file()
    ]
    total = sum("weights" in need.key for need in needs)
    text = f"{len(found)} of {total} found{': ' if found else ''}{', '.join(found)}"
    return _entry("weights", text) if total else []


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
    """The basis of the hours: what was measured where, and what was not."""
    compute, measured, rest = estimate.config.compute, estimate.measured, ", ".join(sorted(estimate.packaged))
    sentences = [f"CPU hours are of one core: {measured_on()}"]
    if measured.summary:
        sentences.append(f"{measured.summary}.")
    if compute.device == "cuda":
        if rest:
            which, why = (
                (f" of {rest}", "") if measured.seconds else ("", "; no GPU was measured (--measure does)")
            )
            sentences.append(
                f"GPU hours{which} are extrapolated: counted operations at {GPU_TFLOPS[compute.precision]:g} "
                f"TFLOP/s, assumed of an A100 in {compute.precision}{why}."
            )
        sentences.append("GPU hours do not include reading data.")
    elif rest and measured.seconds:
        sentences.append(f"Not measured there: {rest}.")
    if estimate.unknown:
        sentences.append(f"Not counted, because no figure is known: {', '.join(sorted(estimate.unknown))}.")
    return " ".join(sentences)


def _row(name: str, work: Work) -> str:
    hours = [f"{value:.1f}" if value else "" for value in (work.cpu_hours, work.gpu_hours)]
    return f"    {name:<22}{work.jobs:>8,}{hours[0]:>10}{hours[1]:>10}{_size(work.size):>10}".rstrip()


def _size(value: float) -> str:
    for unit in ("bytes", "KB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            return f"{value:.3g} {unit}" if value else ""
        value /= 1000
    raise AssertionError("unreachable")
