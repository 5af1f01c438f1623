"""Stages killed on the way to a table, and made again by Snakemake."""

from __future__ import annotations

import os

import pytest
import yaml
from workflow import cut, same_cells

# Every Python reads this at its start. One process of each stage dies just before it puts its first output in
# place, and one before its second: a training then leaves a state to go on from.
KILLER = """
import os, signal, sys
words = sys.orig_argv
if "-m" in words and words[words.index("-m") + 1] == "pipeline":
    stage, renamed = words[words.index("-m") + 2], 0

    def kill(event, arguments):
        global renamed
        if event != "os.rename" or not os.fsdecode(arguments[1]).startswith(os.environ["OUT"]):
            return
        renamed += 1
        if renamed > 2:
            return
        try:
            os.close(os.open(f"{os.environ['KILLED']}/{stage} {renamed}", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(kill)
"""
STAGES = {
    *["list-clips", "prepare-clips", "extract-flow", "crop-patches", "train-sr", "super-resolve"],
    *["train-recognizer", "score-clips", "aggregate"],
}


@pytest.mark.slow
def test_stages_that_are_killed_give_the_same_table(micro_project, micro_table, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(KILLER)
    killed = tmp_path / "killed"
    killed.mkdir()
    micro = micro_project.folder / "tests/micro/config.yaml"
    config = cut(micro, tmp_path / "small.yaml", "ucf_demo", ["tsn"], ["vdsr", "hr"])
    # A training is saved on its way: 20 steps.
    content = yaml.safe_load(config.read_text())
    content["superres"]["models"]["vdsr"]["training"]["checkpoint_every"] = 8
    config.write_text(yaml.safe_dump(content))
    table = tmp_path / "results/table4.csv"
    arguments = ["--configfile", config, "--config", f"output={table.parent}", "--", table]
    environment = {"PYTHONPATH": str(tmp_path / "site"), "KILLED": str(killed), "OUT": str(table.parent)}
    micro_project.snakemake("--cores", "2", "--retries", "2", *arguments, env=os.environ | environment)
    names = {path.name for path in killed.iterdir()}
    assert {f"{stage} 1" for stage in STAGES} | {"train-sr 2"} <= names
    same_cells(table, micro_table)
    assert not (table.parent / "superres/models/vdsr.resume").exists()
