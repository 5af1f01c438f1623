"""Stages killed at random on the way to a table, and made again by Snakemake."""

from __future__ import annotations

import os

import pytest
from workflow import cut, same_cells

# Read by every Python at its start. The first process of each stage kills itself within SECONDS.
KILLER = """
import os, random, signal, sys, threading, time
from pathlib import Path
words = sys.orig_argv
if "-m" in words and words[words.index("-m") + 1] == "pipeline":
    stage = words[words.index("-m") + 2]
    try:
        (Path(os.environ["KILLED"]) / f"{stage}.started").touch(exist_ok=False)
    except FileExistsError:
        pass
    else:
        def kill(after):
            time.sleep(after)
            (Path(os.environ["KILLED"]) / stage).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        after = random.Random(stage).uniform(0, float(os.environ["SECONDS"]))
        threading.Thread(target=kill, args=[after], daemon=True).start()
"""


@pytest.mark.slow
def test_stages_that_are_killed_give_the_same_table(micro_project, micro_table, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(KILLER)
    killed = tmp_path / "killed"
    killed.mkdir()
    micro = micro_project.folder / "tests/micro/config.yaml"
    config = cut(micro, tmp_path / "small.yaml", "ucf_demo", ["tsn"], ["vdsr", "hr"])
    table = tmp_path / "results/table4.csv"
    arguments = ["--configfile", config, "--config", f"output={table.parent}", "--", table]
    environment = {"PYTHONPATH": str(tmp_path / "site"), "KILLED": str(killed), "SECONDS": "2"}
    micro_project.snakemake("--cores", "2", "--retries", "1", *arguments, env=os.environ | environment)
    stages = {path.name for path in killed.iterdir() if path.suffix != ".started"}
    assert len(stages) >= 3, stages
    same_cells(table, micro_table)
    assert not list(table.parent.rglob("*.resume"))
