"""What made the results: the record of runs beside them, and the line under Table 4."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from workflow import Project

from pipeline import environment
from pipeline.cli import main
from pipeline.config.load import load_config
from pipeline.data.manifest import Clip, write_manifest
from pipeline.environment import FOLDER, describe_machine
from pipeline.provenance import ProvenanceError, begin_run, end_run, read_runs
from pipeline.report.made_by import made_by
from pipeline.version import VERSION

JOBS = [("train_sr", "model=a"), ("train_sr", "model=b"), ("aggregate", "")]


@pytest.fixture
def config(root, tmp_path, monkeypatch):
    """The demo's configuration with a given file of weights, and an output folder of its own."""
    monkeypatch.delenv(FOLDER, raising=False)
    (tmp_path / "vdsr.pth").write_bytes(b"weights")
    raw = yaml.safe_load((root / "config.yaml").read_text()) | {
        "tables": None,
        "output": str(tmp_path / "out"),
    }
    raw["superres"]["models"]["vdsr"] = {"network": "vdsr", "weights": str(tmp_path / "vdsr.pth")}
    return load_config(raw)


def begin(config, *jobs) -> None:
    begin_run(config, ["config/c.yaml"], {"seed": 3}, 2, jobs or JOBS)


def test_a_run_is_recorded_from_its_beginning_to_its_end(config):
    begin(config)
    (run,) = read_runs(config.output)
    assert (run["status"], run["ended"]) == ("not ended: it runs, or was killed", None)
    assert run["planned"] == {"aggregate": [""], "train_sr": ["model=a", "model=b"]}
    describe_machine()
    end_run(config.output, "failed", JOBS[:1])
    (run,) = read_runs(config.output)
    assert run["status"] == "failed"
    assert run["ended"] >= run["started"]
    assert run["finished"] == {"train_sr": ["model=a"]}
    assert run["configuration"]["files"] == ["config/c.yaml"]
    assert run["configuration"]["command_line"] == {"seed": 3}
    assert run["configuration"]["content"] == config.model_dump(mode="json")
    weights = run["weights"]["superres.models.vdsr.weights"]
    assert weights["sha256"] == hashlib.sha256(b"weights").hexdigest()
    assert not (config.output / "provenance").exists()


def test_runs_are_added_newest_last(config):
    for number in range(3):
        begin(config, ("aggregate", f"n={number}"))
        end_run(config.output, "complete", [("aggregate", f"n={number}")])
    assert [run["finished"]["aggregate"] for run in read_runs(config.output)] == [["n=0"], ["n=1"], ["n=2"]]
    assert "planned" not in read_runs(config.output)[-1]


def test_a_killed_run_stays_on_record_with_its_machines(config, monkeypatch):
    begin(config)
    describe_machine()
    monkeypatch.delenv(FOLDER)  # it is gone; another process goes on
    begin(config, ("aggregate", ""))
    killed, _ = read_runs(config.output)
    assert killed["status"] == "not ended: it runs, or was killed"
    assert len(killed["environments"]) == 1
    end_run(config.output, "complete", [("aggregate", "")])
    assert [r["status"] for r in read_runs(config.output)] == [killed["status"], "complete"]


def test_each_machine_is_described_once(config, monkeypatch):
    begin(config)
    for name in ("One", "Two", "One"):
        facts = {"processor": name, "instructions": [], "cores": 2}
        monkeypatch.setattr(environment, "processor", lambda facts=facts: facts)
        assert main(["preflight", "--config", "no such file"]) == 1  # any stage, whatever becomes of it
    end_run(config.output, "complete", JOBS)
    machines = read_runs(config.output)[0]["environments"]
    assert sorted(m["processor"] for m in machines) == ["One", "Two"]


def test_a_stage_called_by_hand_records_nothing(config, tmp_path):
    describe_machine()
    assert not config.output.exists()


def test_an_environment_holds_what_numbers_depend_on(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    facts = environment.environment()
    assert facts["packages"]["torch"].startswith("2.")
    assert {"numpy", "h5py", "opencv-contrib-python-headless"} <= facts["packages"].keys()
    assert facts["processor"]
    assert facts["cores"] == os.cpu_count()
    assert facts["ffmpeg"].startswith("ffmpeg version")
    assert "-O3" in facts["compiler"]["flags"]
    assert facts["settings"]["OPENBLAS_CORETYPE"] == "Haswell"
    assert facts["python"] == ".".join(map(str, sys.version_info[:3]))


def test_a_damaged_record_is_named(config):
    config.output.mkdir()
    for text in ("", "{}", "[1]", '[{"a": 1}]'):
        (config.output / "provenance.json").write_text(text)
        with pytest.raises(ProvenanceError, match=r"provenance\.json: is not a list of runs"):
            begin(config)


@pytest.fixture
def checkout(root, tmp_path, monkeypatch) -> Path:
    """A git checkout of the package with one commit; the code under test takes it for its own."""
    folder = tmp_path / "checkout"
    shutil.copytree(root / "pipeline", folder / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "one")
    monkeypatch.setattr(environment, "ROOT", folder)
    return folder


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", folder, *arguments], check=True, capture_output=True, text=True
    ).stdout


def test_the_code_is_named_by_its_commit(checkout):
    code = environment.code()
    assert code["version"] == VERSION
    assert code["commit"] == git(checkout, "rev-parse", "HEAD").strip()
    assert code["changed"] is False
    (checkout / "notes.txt").write_text("not of the code")
    assert environment.code() == code
    (checkout / "pipeline" / "new_network.py").write_text("")
    changed = environment.code()
    assert changed["changed"] is True
    assert changed["hash"] != code["hash"]


def test_a_package_inside_another_projects_checkout_has_no_commit(checkout, monkeypatch):
    inside = checkout / ".venv" / "site-packages"
    shutil.copytree(checkout / "pipeline", inside / "pipeline")
    expected = environment.code()["hash"]
    monkeypatch.setattr(environment, "ROOT", inside)
    code = environment.code()
    assert (code["commit"], code["changed"]) == (None, None)
    assert code["hash"] == expected
    monkeypatch.setenv("PATH", "")
    assert environment.code() == code


def record(folder: Path, *runs: dict) -> Path:
    (folder / "provenance.json").write_text(json.dumps(runs))
    return folder / "provenance.json"


def entry(name: str, **code) -> dict:
    code = {"version": "1.2", "commit": "0123456789abcdef", "changed": False, "hash": "aa"} | code
    configuration = {"files": ["/x/paper.yaml", "mine.yaml"], "command_line": {}}
    about = {"id": name, "started": f"2026-11-{name}T10:00:00+00:00", "finished": {"train_sr": ["model=a"]}}
    return about | {"code": code, "configuration": configuration}


def machine(folder: Path, run: str, processor: str, *instructions: str, torch: str = "2.13.0") -> None:
    path = folder / "provenance" / run / f"{processor}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    facts = {"processor": processor, "instructions": instructions, "packages": {"torch": torch}}
    path.write_text(json.dumps(facts))


def test_the_line_under_a_table(tmp_path):
    machine(tmp_path, "25", "EPYC", "avx2", "avx512f")
    machine(tmp_path, "25", "Xeon", "avx2")
    machine(tmp_path, "24", "Old")
    blank, line = made_by(record(tmp_path, entry("24"), entry("25")))
    assert blank == ""
    assert line == (
        "Made by RecoSR 1.2 (commit 0123456789ab); paper.yaml, mine.yaml; EPYC (AVX-512); Xeon (AVX2); "
        "torch 2.13.0; 2026-11-25. `provenance.json` has the details."
    )


def test_the_line_names_other_code_that_made_parts(tmp_path):
    runs = [
        entry("21", commit="b" * 40),
        entry("22", commit="c" * 40) | {"finished": {}},
        entry("23", commit="b" * 40),
        entry("24", commit=None, hash="bb"),
        entry("25", changed=True, hash="cc"),
    ]
    runs[-1]["configuration"]["command_line"] = {"seed": 2, "data_root": "/data"}
    line = made_by(record(tmp_path, *runs))[-1]
    assert "RecoSR 1.2 (commit 0123456789ab with changes, sources cc); " in line
    assert "; paper.yaml, mine.yaml (seed changed on the command line); " in line
    assert line.endswith("Parts may have been made earlier, by 1.2 (commit bbbbbbbbbbbb); 1.2 (sources bb).")


def test_there_is_no_line_without_a_record(tmp_path):
    assert made_by(None) == made_by(tmp_path / "provenance.json") == []


@pytest.mark.slow
def test_runs_of_the_workflow(root, tmp_path):
    """Whole runs and a failing one, on scores that are there; without a job there is no record."""
    project = Project.copy(root, tmp_path / "project")
    raw = yaml.safe_load((root / "tests/micro/config.yaml").read_text())
    raw["datasets"] = {"ucf_demo": {"layout": "ucf101"}}
    raw["recognition"]["recognizers"].pop("st_resnet")
    raw["methods"] = {name: {"model": name} for name in ("bicubic", "hr")}
    raw["report"] = {"pictured": ["hr"], "caption": "Toy."}
    raw["tables"] = {"pairings": {"joint": []}}
    raw.pop("quality")
    (project.folder / "toy.yaml").write_text(yaml.safe_dump(raw))
    out = project.folder / "out"
    for method in raw["methods"]:
        path = out / f"recognition/ucf_demo/tsn/scores/{method}/0.npz"
        path.parent.mkdir(parents=True)
        streams = {stream: np.eye(2, dtype=np.float32) for stream in ("spatial", "temporal")}
        about = {"dataset": "ucf_demo", "recognizer": "tsn", "method": method}
        np.savez(path, **about, clips=np.array(["a/1", "b/1"]), labels=np.array([0, 1]), **streams)
    clips = [Clip(f"{c}/1", "x", c, n, "test", 9, 8, 8, 0) for n, c in enumerate("ab")]
    listing = out / "data/ucf_demo"
    write_manifest(listing / "manifest.csv", clips)
    (listing / "left_out.csv").write_text("clip,reason\n")
    (listing / "notes.csv").write_text("clip,note\n")
    for path in listing.iterdir():
        os.utime(path, (1, 1))  # older than the scores
    options = ["--cores", "1", "--configfile", "toy.yaml", "--config", "output=out"]

    def run(*arguments: str, check: bool = True) -> None:
        project.snakemake(*options, *arguments, check=check)

    run("--dry-run", "--", "out/table4.csv")
    assert not (out / "provenance.json").exists()
    run("--", "out/table4.csv")
    first = (out / "table4.csv").read_bytes()
    (one,) = read_runs(out)
    assert one["status"] == "complete"
    assert one["finished"] == {"aggregate": [""]}
    assert one["cores"] == 1
    assert len(one["environments"]) == 1
    caption, *_, line = (out / "table4.md").read_text().strip().splitlines()[2:]
    assert caption == "**Toy.**"
    processor = one["environments"][0]["processor"]
    torch = one["environments"][0]["packages"]["torch"]
    for word in (
        f"RecoSR {VERSION} (sources {one['code']['hash']})",
        "toy.yaml",
        processor,
        f"torch {torch}",
    ):
        assert word in line
    assert one["started"][:10] in line

    run("--", "out/table4.csv")
    assert read_runs(out) == [one]
    pairings = project.folder / "pipeline/report/tables/pairings.py"
    pairings.write_text(pairings.read_text().replace("lines = []", "raise OSError('no such luck')", 1))
    run("--", "out/tables/significance.csv", "out/tables/pairings.csv", check=False)
    assert [r["status"] for r in read_runs(out)] == ["complete", "failed"]
    assert read_runs(out)[-1]["finished"].keys() <= {"tabulate"}
    assert read_runs(out)[-1]["code"]["hash"] != one["code"]["hash"]
    run("--forcerun", "aggregate", "--", "out/table4.csv")
    assert (out / "table4.csv").read_bytes() == first
    assert pd.read_csv(out / "table4.csv").shape[0] == 2
