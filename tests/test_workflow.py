"""The whole graph at its smallest: all rows, all stages, real files."""

import shutil

import pandas as pd
import pytest
from workflow import cut, same_cells

pytestmark = pytest.mark.slow

CELLS = [
    f"{dataset} {recognizer} {stream}"
    for dataset in ("UCF-micro", "HMDB-micro")
    for recognizer in ("TSN", "ST-ResNet")
    for stream in ("spatial", "temporal", "fusion")
]
ROWS = ["Bicubic", "VDSR", "RCAN", "SRGAN", "ESRGAN", "SoSR", "SPMC", "VSR-DUF-16", "VSR-DUF-52", "ToSR"]


@pytest.fixture(scope="session")
def table(micro_table):
    return pd.read_csv(micro_table).set_index("method")


def test_every_row_and_cell_is_filled(table):
    assert list(table.index) == [*ROWS, "SoSR+ToSR", "HR"]
    assert table[CELLS].notna().all(axis=None)
    assert ((table[CELLS] >= 0) & (table[CELLS] <= 100)).all(axis=None)


def test_hr_is_recognised_above_chance(table):
    chance = 100 / 8
    assert table.loc["HR", CELLS].mean() > 1.5 * chance
    assert table.loc["HR", [c for c in CELLS if "fusion" in c]].mean() > 2 * chance


def test_the_pairing_shows_its_rows_streams(table):
    for cell in CELLS:
        if "fusion" not in cell:
            row = "SoSR" if "spatial" in cell else "ToSR"
            assert table.loc["SoSR+ToSR", cell] == table.loc[row, cell]


def test_intervals_and_counts_stand_beside_the_cells(table):
    for cell in CELLS:
        assert (table[f"{cell} low"] <= table[cell]).all()
        assert (table[f"{cell} high"] >= table[cell]).all()
    for dataset in ("UCF-micro", "HMDB-micro"):
        assert (table[f"{dataset} clips"] >= 16).all()


def test_results_are_labelled_as_a_demo(micro_table):
    assert "Micro demo" in micro_table.with_name("table4.md").read_text()


def test_nothing_is_left_to_do(micro_project, micro_table, micro_arguments):
    assert micro_project.planned(*micro_arguments(micro_table.parent)) == set()


def test_one_core_gives_the_same_table(micro_project, micro_table, tmp_path):
    """On one data set and the rows that between them use every kind of training and scoring."""
    config = cut(
        micro_project.folder / "tests/micro/config.yaml",
        *[tmp_path / "part.yaml", "hmdb_demo", ["tsn", "st_resnet"]],
        ["bicubic", "vdsr", "sosr", "tosr", "sosr_tosr", "hr"],
    )
    table = tmp_path / "one" / "table4.csv"
    options = ["--configfile", config, "--config", f"output={table.parent}"]
    micro_project.snakemake("--cores", "1", *options, "--", table)
    same_cells(table, micro_table)


def test_a_deleted_intermediate_is_made_again_to_the_same_table(micro_run, micro_table, tmp_path):
    output = tmp_path / "copy"
    shutil.copytree(micro_table.parent, output)
    before = micro_table.read_bytes()
    for name in ("superres/models/tosr.pt", "flow/ucf_demo/tosr/test-0.h5", "patches/tosr.h5", "table4.csv"):
        (output / name).unlink()
    # Snakemake knows the copies by their time stamps alone.
    again = micro_run(output, "--cores", "2", "--rerun-triggers", "mtime")
    assert again.read_bytes() == before
