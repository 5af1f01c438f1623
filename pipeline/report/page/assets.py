"""Files that the page needs beside it: our styles and scripts, and two libraries of installed packages.

DataTables comes with itables, plotly.js with plotly; their licences are copied, too. A browser opens the page
from the disk, where scripts cannot be modules; so itables' module becomes a plain script.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from importlib.metadata import distribution
from importlib.resources import files
from pathlib import Path

from pipeline.errors import PipelineError

HERE = Path(__file__).parent
OWN = ("static", "templates")
"""Folders beside this file whose content is part of the page."""


class AssetError(PipelineError):
    """A library's files are not those that the page was written for."""


def own_files() -> list[Path]:
    """Our styles, scripts and templates."""
    return sorted(path for folder in OWN for path in (HERE / folder).iterdir() if path.is_file())


def digest() -> str:
    """Hash of our styles, scripts and templates, which the code's fingerprint does not contain."""
    whole = hashlib.sha256()
    for path in own_files():
        whole.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return whole.hexdigest()[:16]


def write_assets(folder: Path) -> None:
    """Write all files that the page needs into a folder.

    Raises:
        AssetError: an installed library has another layout.
    """
    for path in (HERE / "static").iterdir():
        if path.is_file():
            shutil.copy(path, folder / path.name)
    bundle = files("itables").joinpath("html/dt_bundle.js").read_text(encoding="utf-8")
    (folder / "datatables.js").write_text(plain_script(bundle, "DataTablesBundle"), encoding="utf-8")
    styles = files("itables").joinpath("html/dt_bundle.css").read_text(encoding="utf-8")
    (folder / "datatables.css").write_text(styles, encoding="utf-8")
    chart = files("plotly").joinpath("package_data/plotly.min.js").read_bytes()
    (folder / "plotly.min.js").write_bytes(chart)
    for package in ("itables", "plotly"):
        (folder / f"LICENSE.{package}.txt").write_text(_licence(package), encoding="utf-8")


def plain_script(module: str, name: str) -> str:
    """A module without imports as a plain script, which sets a global variable to its exports.

    Raises:
        AssetError: its exports do not stand at its end.
    """
    found = list(re.finditer(r"export\s*\{([^}]*)\};?", module))
    if len(found) != 1:
        raise AssetError(
            f"the bundle of itables has {len(found)} lists of exports, expected 1; install its pinned version"
        )
    exports = [entry.split(" as ") for entry in found[0][1].split(",")]
    fields = ", ".join(f'"{entry[-1].strip()}": {entry[0].strip()}' for entry in exports)
    before, after = module[: found[0].start()], module[found[0].end() :]
    return f"(() => {{\n{before}\nwindow.{name} = {{{fields}}};\n{after}\n}})();\n"


def _licence(package: str) -> str:
    found = distribution(package)
    paths = [path for path in found.files or [] if path.name.startswith("LICENSE")]
    if not paths:
        raise AssetError(f"package {package} holds no licence; install its pinned version")
    return paths[0].read_text(encoding="utf-8")
