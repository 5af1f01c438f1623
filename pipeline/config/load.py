"""Turns the dictionary that Snakemake read into a checked ``Config``, or raises one readable error."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from pipeline.config import Config
from pipeline.config.checks import cross_problems, split_problems
from pipeline.config.messages import error_line
from pipeline.config.needs import find_needs
from pipeline.config.paths import resolve_paths
from pipeline.config.splits import SplitsError, with_splits
from pipeline.config.text import without_empty
from pipeline.errors import PipelineError


class ConfigError(PipelineError, ValueError):
    """The configuration cannot be run; the message names each key and what to do."""


def load_config(
    raw: Mapping[str, Any],
    data_must_exist: bool = True,
    inspect: Callable[[Config], Iterable[str]] | None = None,
) -> Config:
    """Check a configuration and resolve its data paths against ``data_root``.

    Args:
        raw: the file as read by Snakemake or a YAML reader.
        data_must_exist: False if the run is only planned, so that data and weights may be missing.
        inspect: further, slower checks; returns lines "key: problem".

    Raises:
        ConfigError: one line for each unknown key, wrong type, impossible value, missing path or
            undefined name.
    """
    raw, emptied = without_empty(raw)
    try:
        raw = with_splits(raw)
    except SplitsError as error:
        raise ConfigError(_message([str(error)])) from None
    try:
        # JSON mode: strict about numbers and text, but paths may be text. `default=str` is for YAML's dates.
        config = Config.model_validate_json(json.dumps(raw, default=str))
    except ValidationError as error:
        raise ConfigError(_message([error_line(e) for e in error.errors()])) from None
    config, problems = resolve_paths(_with_pictured(config))
    if problems:
        raise ConfigError(_message(problems + emptied))
    problems = list(cross_problems(config))
    reported = {problem.partition(": ")[0] for problem in problems}
    inspected = inspect(config) if inspect else ()
    problems += [line for line in inspected if line.partition(": ")[0] not in reported]
    lacking = [need.problem for need in find_needs(config) if need.problem] if data_must_exist else []
    messages = [_message(problems + emptied)] if problems else []
    messages += [_message(lacking, "data or weights are missing; nothing was started:")] if lacking else []
    if messages:
        raise ConfigError("\n".join(messages))
    if problems := list(split_problems(config)):
        raise ConfigError(_message(problems))
    return config


def _with_pictured(config: Config) -> Config:
    """The configuration with rows for the figures: those default rows that it has, otherwise all rows."""
    report = config.report
    if "pictured" in report.model_fields_set:
        return config
    rows = [row for row in report.pictured if row in config.methods] or list(config.methods)
    return config.model_copy(update={"report": report.model_copy(update={"pictured": rows})})


def _message(problems: list[str], heading: str = "the configuration cannot be used:") -> str:
    return "\n".join([heading, *(f"  {p}" for p in problems)])
