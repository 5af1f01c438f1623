"""Requests for tables of one data set, for tests with synthetic scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.config import Method, Report
from pipeline.config.data import Limit
from pipeline.config.tables import Table
from pipeline.recognition.protocols import clip, st_resnet, tsn
from pipeline.report.request import Aggregate, DatasetEntry, RecognizerEntry, RowEntry, Tabulate
from pipeline.report.tabulate import tabulate

_COLUMNS = {
    "tsn": tsn.TSN(protocol="tsn").columns(),
    "st_resnet": st_resnet.STResNet(protocol="st_resnet").columns(),
}
TSN = RecognizerEntry(name="tsn", label="TSN", protocol="tsn", columns=_COLUMNS["tsn"])
CLIP = RecognizerEntry(
    name="clip", label="Clip", protocol="clip", columns=clip.Clip(protocol="clip").columns()
)
ST_RESNET = RecognizerEntry(name="st", label="ST-ResNet", protocol="st_resnet", columns=_COLUMNS["st_resnet"])

ALL = Limit()


def columns(
    methods: dict[str, Method],
    recognizers: tuple[RecognizerEntry, ...],
    published: str | None,
    datasets: dict[str, str] | None = None,
    limit: Limit = ALL,
    joins: dict[str, list[str]] | None = None,
):
    """Rows and columns of a request."""
    return {
        "rows": [RowEntry.of(name, row) for name, row in methods.items()],
        "datasets": [
            DatasetEntry(
                name=name,
                label=name.capitalize(),
                published=published,
                limit=limit,
                resolution=kind,
                joins=(joins or {}).get(name, []),
            )
            for name, kind in (datasets or {"set": "hr"}).items()
        ],
        "recognizers": list(recognizers),
    }


def table_4(
    methods,
    *recognizers,
    published=None,
    datasets=None,
    limit: Limit = ALL,
    joins: dict[str, list[str]] | None = None,
    scale: int = 4,
    **report: Any,
) -> Aggregate:
    """A request for Table 4, as a rule hands it on; ``datasets`` gives the resolution of each."""
    found = columns(methods, recognizers or (TSN,), published, datasets, limit, joins)
    request = Aggregate.of(Report(**report), scale=scale, **found)
    return Aggregate.read(request.text())


def make(
    table: Table,
    files: list[Path],
    methods: dict[str, Method],
    csv: Path,
    *recognizers: RecognizerEntry,
    published: str | None = None,
    caption: str = "",
    datasets: dict[str, str] | None = None,
    lacking_hr: tuple[str, ...] = (),
    joins: dict[str, list[str]] | None = None,
    scale: int = 4,
    **settings: Any,
) -> None:
    """Make a table beside Table 4; its Markdown lies beside the CSV, whose name is the table's."""
    settings = {"confidence": 0.95, "resamples": 9999, "seed": 0, "baseline": "bicubic"} | settings
    settings |= {"channel": "y", "border": 4} | settings
    request = Tabulate(
        name=csv.stem,
        table=table,
        settings={key: value for key, value in settings.items() if key in table.Settings.model_fields},
        caption=caption,
        scale=scale,
        lacking_hr=list(lacking_hr),
        **columns(methods, recognizers or (TSN,), published, datasets, joins=joins),
    )
    tabulate(Tabulate.read(request.text()), files, csv, csv.with_suffix(".md"))
