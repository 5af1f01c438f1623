"""Neither one core nor killed and repeated stages change any number of a table."""

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
def test_killed_stages_on_one_core_give_the_same_table(micro_project, micro_table, tmp_path):
    """On one data set and rows that between them use every kind of training and scoring."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(KILLER)
    killed = tmp_path / "killed"
    killed.mkdir()
    config = cut(
        micro_project.folder / "tests/micro/config.yaml",
        *[tmp_path / "part.yaml", "hmdb_demo", ["tsn", "st_resnet"]],
        ["bicubic", "sosr", "tosr", "sosr_tosr", "hr"],
    )
    # Trainings of 8 and 20 steps are saved on their way.
    content = yaml.safe_load(config.read_text())
    for model in content["superres"]["models"].values():
        if "training" in model:
            model["training"]["checkpoint_every"] = 4
    config.write_text(yaml.safe_dump(content))
    table = tmp_path / "results/table4.csv"
    arguments = ["--configfile", config, "--config", f"output={table.parent}", "--", table]
    environment = {"PYTHONPATH": str(tmp_path / "site"), "KILLED": str(killed), "OUT": str(table.parent)}
    micro_project.snakemake("--cores", "1", "--retries", "2", *arguments, env=os.environ | environment)
    names = {path.name for path in killed.iterdir()}
    assert {f"{stage} 1" for stage in STAGES} | {"train-sr 2"} <= names
    same_cells(table, micro_table)
    assert not list((table.parent / "superres/models").glob("*.resume"))
