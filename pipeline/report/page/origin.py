"""Where the results come from: the newest run's record, time of each stage, machines, weights."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path
from typing import Any

import yaml

from pipeline.provenance import described_machines, read_runs
from pipeline.report.made_by import made_by

ABOUT = ("processor", "cores", "system", "python", "gpus", "packages")
"""What is shown of a machine."""


def origin(provenance: Path) -> dict[str, Any]:
    """The newest run of an output folder and what it recorded; empty parts without a record.

    Args:
        provenance: ``provenance.json`` of the output folder.
    Raises:
        ProvenanceError: the record is damaged.
    """
    output = provenance.parent
    runs = read_runs(output)
    run = runs[-1] if runs else {}
    configuration = run.get("configuration", {})
    content = configuration.get("content", {})
    return {
        "line": " ".join(made_by(provenance)).replace("`", "").strip(),
        "runs": [
            {key: one[key] for key in ("started", "ended", "status")}
            | {"jobs": sum(map(len, one["finished"].values())), "cores": one["cores"]}
            for one in reversed(runs)
        ],
        "files": configuration.get("files", []),
        "command_line": configuration.get("command_line", {}),
        "configuration": yaml.safe_dump(content, sort_keys=False, allow_unicode=True) if content else "",
        "weights": run.get("weights", {}),
        "machines": _machines([machine for one in runs for machine in described_machines(output, one)]),
        "times": _times(output / "benchmarks"),
    }


def _machines(described: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Different machines with the versions of their packages."""
    found = []
    for machine in described:
        about = {key: machine.get(key) for key in ABOUT}
        if about not in found:
            found.append(about)
    return found


def _times(folder: Path) -> list[dict[str, Any]]:
    """Jobs, seconds and largest memory of each stage, from Snakemake's benchmark files."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for path in sorted(folder.glob("*/*.tsv")):
        with path.open(encoding="utf-8", newline="") as lines:
            for line in csv.DictReader(lines, delimiter="\t"):
                memory = line.get("max_rss", "")
                found[path.parent.name].append(
                    (float(line["s"]), float(memory) if memory.replace(".", "").isdigit() else 0.0)
                )
    return [
        {
            "stage": stage,
            "jobs": len(jobs),
            "seconds": round(sum(seconds for seconds, _ in jobs), 1),
            "memory": round(max(memory for _, memory in jobs)),
        }
        for stage, jobs in found.items()
    ]
