"""The line below a table that names the run which made it, from the record of runs (pipeline.provenance)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PLACES = ("output", "data_root")
"""Keys that do not change any number."""


def made_by(provenance: Path | None) -> list[str]:
    """Last lines of the Markdown: code, configuration, machines, torch and date of the newest run.

    Empty without a record, for example if a stage is called by hand. Earlier runs with other code are named
    if they finished jobs, because their results may be part of the table.

    Args:
        provenance: ``provenance.json`` of the output folder, the newest run last.
    """
    if provenance is None or not provenance.exists():
        return []
    *earlier, run = json.loads(provenance.read_text(encoding="utf-8"))
    described = (provenance.parent / "provenance" / run["id"]).glob("[!.]*.json")
    machines = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(described)]
    files = ", ".join(Path(file).name for file in run["configuration"]["files"])
    if changes := [key for key in run["configuration"]["command_line"] if key not in PLACES]:
        files += f" ({', '.join(changes)} changed on the command line)"
    processors = dict.fromkeys(_processor(machine) for machine in machines)
    torches = dict.fromkeys(f"torch {m['packages']['torch']}" for m in machines if "torch" in m["packages"])
    parts = [f"RecoSR {_code(run)}", files, *processors, *torches, run["started"][:10]]
    line = f"Made by {'; '.join(parts)}. `provenance.json` has the details."
    if others := dict.fromkeys(_code(r) for r in earlier if r["finished"] and r["code"] != run["code"]):
        line += f" Parts may have been made earlier, by {'; '.join(others)}."
    return ["", line]


def _code(run: dict[str, Any]) -> str:
    code = run["code"]
    if code["commit"] is None:
        return f"{code['version']} (sources {code['hash']})"
    changed = f" with changes, sources {code['hash']}" if code["changed"] else ""
    return f"{code['version']} (commit {code['commit'][:12]}{changed})"


def _processor(machine: dict[str, Any]) -> str:
    sets = machine["instructions"]
    widest = "AVX-512" if "avx512f" in sets else "AVX2" if "avx2" in sets else ""
    return machine["processor"] + (f" ({widest})" if widest else "")
