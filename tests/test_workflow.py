"""The whole graph at its smallest: all rows, all stages, real files."""

import shutil

import pandas as pd
import pytest

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


def test_a_deleted_intermediate_is_made_again_to_the_same_table(micro_run, micro_table, tmp_path):
    output = tmp_path / "copy"
    shutil.copytree(micro_table.parent, output)
    before = micro_table.read_bytes()
    models, flow = "superres/models/tosr.safetensors", "flow/ucf_demo/tosr/test-0.h5"
    for name in (models, flow, "patches/tosr.h5", "table4.csv"):
        (output / name).unlink()
    # Snakemake knows the copies by their time stamps alone.
    again = micro_run(output, "--cores", "2", "--rerun-triggers", "mtime")
    assert again.read_bytes() == before


def read(folder, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / f"{name}.csv")


def test_every_table_is_made_and_labelled_as_a_demo(micro_tables):
    names = ["figure8", "pairings", "quality", "significance", "table1", "table2", "table3"]
    assert sorted(path.stem for path in micro_tables.glob("*.csv")) == names
    for name in names:
        assert "Micro demo" in (micro_tables / f"{name}.md").read_text()
    assert (micro_tables / "figure8.png").stat().st_size > 10_000


def test_tables_agree_with_table_4(micro_tables, table):
    column = "HMDB-micro TSN"
    classes = read(micro_tables, "table1").query("stream == 'spatial'")
    for row in ("HR", "Bicubic", "VDSR"):
        mean = (classes[row] * classes["clips"]).sum() / classes["clips"].sum()
        assert mean == pytest.approx(table.loc[row, f"{column} spatial"], abs=0.02)
    losses, warp = (read(micro_tables, name).set_index("row")["top1"] for name in ("table2", "table3"))
    assert losses["VDSR + MSE"] == pytest.approx(table.loc["VDSR", f"{column} spatial"], abs=0.01)
    assert losses.notna().all()
    assert warp["VSR-DUF-16 + warp"] == pytest.approx(table.loc["ToSR", f"{column} temporal"], abs=0.01)
    mixtures = read(micro_tables, "figure8").query("ratio == 0").set_index(["row", "stream"])["top1"]
    for row in ("HR", "Bicubic", "SoSR+ToSR"):
        for stream in ("spatial", "temporal", "fusion"):
            expected = table.loc[row, f"{column} {stream}"]
            assert mixtures[row, stream] == pytest.approx(expected, abs=0.01)
    pairs = read(micro_tables, "pairings").set_index(["dataset", "recognizer", "spatial", "temporal"])["top1"]
    # TSN's pairs, ST-ResNet's rows, and one more pair of two rows by its joint network.
    assert len(pairs) == 2 * (11 * 11 + 12 + 1)
    for dataset in ("UCF-micro", "HMDB-micro"):
        for recognizer in ("TSN", "ST-ResNet"):
            cell = f"{dataset} {recognizer} fusion"
            assert pairs[dataset, recognizer, "VDSR", "VDSR"] == table.loc["VDSR", cell]
            assert pairs[dataset, recognizer, "SoSR", "ToSR"] == table.loc["SoSR+ToSR", cell]


def test_every_difference_of_table_4_is_tested(micro_tables, table):
    differences = read(micro_tables, "significance")
    # Eleven rows with scores of their own; fused, the pairing is one more.
    counts = differences.groupby(["dataset", "recognizer", "stream"]).size()
    assert len(counts) == len(CELLS)
    assert set(counts.loc[:, :, "spatial"]) == set(counts.loc[:, :, "temporal"]) == {11 * 10 // 2}
    assert set(counts.loc[:, :, "fusion"]) == {12 * 11 // 2}
    for line in differences.sample(20, random_state=0).itertuples():
        cell = f"{line.dataset} {line.recognizer} {line.stream}"
        expected = table.loc[line.first, cell] - table.loc[line.second, cell]
        assert line.difference == pytest.approx(expected, abs=0.02)
        assert line.low <= line.difference <= line.high


def test_quality_of_every_method(micro_tables):
    quality = read(micro_tables, "quality").set_index("method")
    assert list(quality.index) == ROWS
    assert quality["psnr"].between(10, 60).all()
    assert quality["ssim"].between(0.1, 1).all()
    assert (quality[["flow_epe", "profile_error"]] > 0).all(axis=None)


def test_table_4_needs_none_of_the_other_tables_jobs(micro_project):
    config = ["--configfile", "tests/micro/config.yaml", "--config", "output=elsewhere", "--"]
    default = micro_project.planned(*config, "elsewhere/table4.csv")
    models = {name.split("model=")[1] for name in default if name.startswith("train_sr")}
    assert len(models) == 11
    assert not {"vdsr_wmse", "vdsr_warp"} & models
    assert not [n for n in default if "mixed" in n or "quality" in n or ("split=train" in n and "super" in n)]
    added = micro_project.planned(*config, "elsewhere/table4.csv", "elsewhere/tables/table2.csv") - default
    # A spatial ablation needs no flow, and a row of Table 4 no second scoring.
    assert added == {
        "train_sr model=vdsr_wmse",
        "super_resolve dataset=hmdb_demo model=vdsr_wmse shard=0 split=test",
        "score_clips dataset=hmdb_demo method=vdsr_wmse recognizer=tsn shard=0",
        "tabulate table=table2",
    }
