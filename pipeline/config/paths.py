"""Paths of the configuration: expands ``~`` and ``$VARIABLES``, resolves paths relative to ``data_root``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from string import Template
from typing import Any

from pipeline.config import Config
from pipeline.weights import WeightsError
from pipeline.weights.location import in_package, named_in_package, resolve


class PathError(ValueError):
    """A path cannot be used as written; the message says what to write."""


def expand(text: str | Path) -> Path:
    """Expand ``~``, ``~user``, ``$NAME`` and ``${NAME}`` in a path; ``$$`` is a dollar sign.

    Raises:
        PathError: a variable is unset or empty, no name follows a dollar sign, or a user is unknown.
    """
    found = repr(str(text))
    try:
        spelt = Template(str(text)).substitute({name: value for name, value in os.environ.items() if value})
        return Path(spelt).expanduser() if spelt.startswith("~") else Path(spelt)
    except KeyError as error:
        raise PathError(
            f"{found}: the environment variable {error.args[0]} is not set; set it, or write $$ for a $"
        ) from None
    except ValueError:
        raise PathError(f"{found}: no name follows a $; write $$ for a $ itself") from None
    except RuntimeError:
        raise PathError(f"{found}: there is no such user; write ./~ where a name begins with ~") from None


def resolve_paths(config: Config) -> tuple[Config, list[str]]:
    """The configuration with all paths expanded, and one line for each that cannot be.

    Relative paths of data and weights start from ``data_root``; those of a demo are below its output.
    """
    problems: list[str] = []

    def spelt(key: str, path: str | Path) -> Path:
        try:
            return expand(path)
        except PathError as error:
            problems.append(f"{key}: {error}")
            return Path(path)

    output = spelt("output", config.output)
    if {"{", "}"} & set(str(output)):
        problems.append(f"output: {str(output)!r} has braces, which Snakemake reads as wildcards; rename it")
    root = spelt("data_root", config.data_root) if config.data_root else None
    base = root or Path()
    tree = config.model_dump(exclude={"output", "data_root"})
    tree = _each_path(tree, "", lambda key, path: _installed(key, path, base) or base / spelt(key, path))
    if config.demo:
        demo = output / "demo"
        for name, dataset in tree["datasets"].items():
            dataset["root"] = dataset["root"] or demo / name / "videos"
            dataset["splits"] = dataset["splits"] or demo / name / "splits"
        tree["training_videos"]["root"] = tree["training_videos"]["root"] or demo / "training_videos"
    for name, recognizer in tree["recognition"]["recognizers"].items():
        weights = recognizer["initial_weights"]
        if weights and not in_package(weights):
            key = f"recognition.recognizers.{name}.initial_weights"
            recognizer["initial_weights"] = str(base / spelt(key, weights))
    return Config.model_validate(tree | {"output": output, "data_root": root}), problems


def _installed(key: str, path: Path, base: Path) -> Path | None:
    """The file of weights that are named PACKAGE:FILE, or that name itself if it is missing; else None."""
    if "weights" not in key.split(".") or not named_in_package(path) or (base / path).exists():
        return None
    try:
        return resolve(str(path))
    except WeightsError:
        return path


def _each_path(value: Any, key: str, change: Callable[[str, Path], Path]) -> Any:
    """Apply ``change`` to every path in a tree of settings; it gets the path's dotted key first."""
    if isinstance(value, Path):
        return change(key, value)
    if isinstance(value, dict):
        return {k: _each_path(v, f"{key}.{k}".strip("."), change) for k, v in value.items()}
    if isinstance(value, list):
        return [_each_path(v, f"{key}.{n}", change) for n, v in enumerate(value)]
    return value


def target_problems(targets: Iterable[str], output: Path) -> list[str]:
    """One line for each target file outside the output folder, spelt as Snakemake spells it."""
    folder = os.path.normpath(output)
    outside = [
        t for t in targets if folder != "." and not os.path.normpath(t).startswith(f"{folder}{os.sep}")
    ]
    return [
        f"{target}: not a file of this run; the configuration writes to {output} (key output): give a target "
        f"such as {output / 'table4.csv'}"
        for target in outside
    ]
