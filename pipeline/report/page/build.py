"""The stages that make the report page and pack it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from pipeline.data.manifest import read_manifest
from pipeline.files import atomic_folder, atomic_path
from pipeline.report.page.assets import write_assets
from pipeline.report.page.curves import curves
from pipeline.report.page.origin import origin
from pipeline.report.page.request import BuildPage
from pipeline.report.page.table4 import table4
from pipeline.report.page.tables import tables
from pipeline.report.page.tradeoff import tradeoff
from pipeline.report.page.verdicts import class_names, verdicts
from pipeline.report.rows import Rows, one_line

EPOCH = (1980, 1, 1, 0, 0, 0)
"""Time stamp of the archive's members, so that equal pages have equal bytes."""


def build_page(
    request: BuildPage,
    scores: list[Path],
    manifests: list[Path],
    clips: list[Path],
    read: list[Path],
    cost: list[Path],
    weights: list[Path],
    provenance: Path,
    assets: Path,
    out: Path,
) -> None:
    """Make the report page from finished results.

    Args:
        request: rows, columns, level and baseline as for Table 4; tables and trainings that are shown.
        scores: score files of all rows.
        manifests: the data sets' manifests, in order.
        clips: folder of ``show_clips`` of each data set, in order, beside the page.
        read: CSV of each table.
        cost: cost of each SR model.
        weights: result of each training, beside which its log lies.
        provenance: the record of runs in the output folder.
        assets: new folder, beside the page, for libraries, styles and scripts.
        out: the page.

    Raises:
        ScoresError: scores are missing, or two rows were scored on different clips.
        AssetError: an installed library has another layout.
    """
    rows = Rows(scores, request)
    main, others = table4(rows, request), tables(request.tables, read)
    data = {
        "table4": main,
        "look": [
            _look(rows, request, dataset.name, manifest, folder, out.parent)
            for dataset, manifest, folder in zip(request.datasets, manifests, clips, strict=True)
        ],
        "tables": others,
        "tradeoff": tradeoff(request, main, others, cost),
        "training": curves(request.trainings, weights),
        "origin": origin(provenance),
        "output": str(provenance.parent),
    }
    environment = Environment(
        loader=PackageLoader("pipeline.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # The order of rows and columns is that of the tables.
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}
    text = environment.get_template("page.html").render(
        data=data, caption=one_line(request.caption), assets=assets.name
    )
    with atomic_folder(assets) as folder:
        write_assets(folder)
    with atomic_path(out) as path:
        path.write_text(text, encoding="utf-8")


def _look(
    rows: Rows, request: BuildPage, dataset: str, manifest: Path, folder: Path, page: Path
) -> dict[str, Any]:
    """The clips of a data set that are shown, with their verdicts."""
    content: dict[str, Any] = json.loads((folder / "clips.json").read_text(encoding="utf-8"))
    shown = [clip["id"] for clip in content["clips"]]
    said = verdicts(rows, request, dataset, shown)
    for clip in content["clips"]:
        clip["verdicts"] = said[clip["id"]]
    classes = class_names(read_manifest(manifest))
    return content | {"folder": folder.relative_to(page).as_posix(), "classes": classes}


def pack_page(page: list[Path], out: Path) -> None:
    """Pack the page and what lies beside it into one zip file.

    Args:
        page: the page, and the folders beside it.
        out: the archive; it holds one folder with its own name.
    """
    top = page[0].parent
    files = [file for path in page for file in ([path] if path.is_file() else path.rglob("*"))]
    with atomic_path(out) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for file in sorted(file for file in files if file.is_file()):
            # Media are compressed already.
            small = file.suffix in (".html", ".js", ".css", ".json", ".txt")
            member = zipfile.ZipInfo(f"{out.stem}/{file.relative_to(top).as_posix()}", EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED if small else zipfile.ZIP_STORED
            member.external_attr = 0o644 << 16
            archive.writestr(member, file.read_bytes())
