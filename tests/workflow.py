"""Runs of the real workflow in a copy of the project, for the tests of the graph."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import snakemake_server
import yaml

PARTS = ["Snakefile", "rules", "pipeline", "config.yaml", "config", "envs", "profiles", "tests/micro"]


@dataclass(frozen=True)
class Project:
    """A copy of the project that a test may change."""

    folder: Path

    @classmethod
    def copy(cls, root: Path, folder: Path) -> Project:
        """Copy what a run needs of ``root`` to ``folder``."""
        for part in PARTS:
            source = root / part
            if source.is_dir():
                shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
            elif source.exists():
                (folder / part).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, folder / part)
        return cls(folder)

    def snakemake(self, *arguments: str, check: bool = True, **options) -> subprocess.CompletedProcess[str]:
        """Run Snakemake in the copy, with options of subprocess.run; an error shows what it printed."""
        words = [str(argument) for argument in arguments]
        if options:
            command = [sys.executable, "-m", "snakemake", *words]
            result = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, **options)
        else:
            result = snakemake_server.snakemake(self.folder, words)
        if check and result.returncode:
            logs = re.findall(r"log: (\S+)", result.stdout + result.stderr)
            tails = [f"--- {p}\n{_tail(self.folder / p)}" for p in dict.fromkeys(logs)][-5:]
            raise AssertionError("\n".join([result.stdout[-4000:], result.stderr[-8000:], *tails]))
        return result

    def planned(self, *arguments: str) -> set[str]:
        """Jobs that a run would start, as "rule wildcard=value ..." in sorted order of the wildcards."""
        text = self.snakemake("--dry-run", "--cores", "2", *arguments).stdout
        jobs = []
        for line in text.splitlines():
            if rule := re.match(r"(?:local)?rule (\w+):", line):
                jobs.append(rule[1])
            elif wildcards := re.match(r"\s+wildcards: (.*)", line):
                jobs[-1] = " ".join([jobs[-1], *sorted(wildcards[1].split(", "))])
        return set(jobs) - {"all", "figures", "tables", "report"}


def cut(config: Path, target: Path, dataset: str, recognizers: list[str], rows: list[str]) -> Path:
    """Write a part of an experiment: one data set, some recognisers, some rows."""
    content = yaml.safe_load(config.read_text())
    content["datasets"] = {dataset: content["datasets"][dataset]}
    known = content["recognition"]["recognizers"]
    content["recognition"]["recognizers"] = {name: known[name] for name in recognizers}
    content["methods"] = {row: content["methods"][row] for row in rows}
    content["report"]["pictured"] = rows[-1:]
    for section in ("tables", "quality"):
        content.pop(section, None)
    target.write_text(yaml.safe_dump(content, sort_keys=False))
    return target


def same_cells(part: Path, whole: Path) -> None:
    """Whether every cell of the first table is in the second, to the last digit."""
    table, reference = (pd.read_csv(path).set_index("method") for path in (part, whole))
    pd.testing.assert_frame_equal(table, reference.loc[table.index, table.columns], check_exact=True)


def _tail(path: Path) -> str:
    return path.read_text()[-3000:] if path.is_file() else "(no such file)"
