"""The check before the first job as called by a run: one process, a cached verdict, only where needed."""

import os
import subprocess
import sys

import pytest
import yaml
from workflow import Project

from pipeline import fingerprint as fingerprint_module
from pipeline.config.load import ConfigError, load_config
from pipeline.preflight import inspection, machine
from pipeline.preflight.inspection import Inspector, inspect_networks, verdict_key

FINE = {"problems": [], "notes": ["superres.models.vdsr.weights: left out total_ops"]}


@pytest.fixture
def raw(root, tmp_path, monkeypatch) -> dict:
    """The micro experiment with caches and output of this test."""
    monkeypatch.setenv("RECOSR_CACHE", str(tmp_path / "cache"))
    return yaml.safe_load((root / "tests/micro/config.yaml").read_text()) | {"output": str(tmp_path / "out")}


@pytest.fixture
def calls(monkeypatch) -> list[bool]:
    """Processes that were asked for, each with whether it should look at devices."""
    made: list[bool] = []

    def run(_, devices: bool) -> dict[str, list[str]]:
        made.append(devices)
        return FINE

    monkeypatch.setattr(inspection, "inspect_networks", run)
    return made


def test_a_verdict_is_remembered_until_something_changes(raw, calls, tmp_path):
    weights = tmp_path / "vdsr.pth"
    weights.write_bytes(b"one")
    raw["superres"]["models"]["vdsr"] = {"network": "vdsr", "weights": str(weights)}
    raw["superres"]["models"]["vdsr_warp"].pop("init")
    config = load_config(raw)

    def start(config=config) -> int:
        inspector = Inspector(machine=False)
        assert inspector(config) == []
        assert inspector.notes == FINE["notes"]
        return len(calls)

    assert [start(), start()] == [1, 1]
    weights.write_bytes(b"another")
    assert [start(), start()] == [2, 2]
    os.utime(weights, (1, 1))
    assert [start(), start()] == [3, 3]
    elsewhere = load_config(raw | {"seed": 1, "output": str(tmp_path / "elsewhere")})
    assert start(elsewhere) == 3
    raw["superres"]["models"]["rcan"]["args"]["features"] = 4
    other = load_config(raw)
    assert [start(other), start(other), start()] == [4, 4, 4]


def test_lists_count_where_a_recogniser_is_given(raw, calls, tmp_path):
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / "classInd.txt").write_text("1 Archery\n")
    (tmp_path / "videos").mkdir()
    (tmp_path / "tsn.pth").touch()
    raw |= {"demo": None, "data_root": str(tmp_path), "training_videos": {"root": "videos"}}
    raw |= {"tables": {}, "quality": {}}
    raw["datasets"] = {"mine": {"layout": "ucf101", "root": "videos", "splits": "splits"}}
    raw["recognition"]["recognizers"]["tsn"]["weights"] = {"spatial": "tsn.pth"}
    config = load_config(raw)
    for expected in (1, 1):
        Inspector(machine=False)(config)
        assert len(calls) == expected
    (tmp_path / "splits" / "classInd.txt").write_text("1 Archery\n2 Diving\n")
    Inspector(machine=False)(config)
    assert len(calls) == 2


@pytest.mark.parametrize(("device", "machine"), [("cpu", True), ("cuda", True), ("cuda", False)])
def test_devices_are_looked_for_where_jobs_run(raw, calls, device, machine, monkeypatch):
    monkeypatch.setattr(inspection, "machine_problems", list)
    raw["compute"] = {"device": device}
    Inspector(machine)(load_config(raw))
    assert calls == [device == "cuda" and machine]


def test_problems_are_not_remembered(raw, monkeypatch):
    found = {"problems": ["superres.models.vdsr.args: wrong"], "notes": []}
    monkeypatch.setattr(inspection, "inspect_networks", lambda *_: found)
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"superres\.models\.vdsr\.args: wrong"):
            load_config(raw, inspect=Inspector(machine=False))


def test_the_code_of_a_network_of_ones_own_counts(raw, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    raw["superres"]["models"]["own"] = {"network": "my_net:Net"}
    keys = []
    for body in ("x = 1\n", "x = 2\n"):
        (tmp_path / "my_net.py").write_text(body)
        for cached in vars(fingerprint_module).values():
            getattr(cached, "cache_clear", int)()
        keys.append(verdict_key(load_config(raw), False))
    assert keys[0] != keys[1]


def test_a_cache_that_cannot_be_written_only_forgets(raw, calls, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("RECOSR_CACHE", str(tmp_path / "file" / "below"))
    config = load_config(raw)
    assert [Inspector(machine=False)(config) for _ in range(2)] == [[], []]
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("CXX", "no-such-compiler", "flow.tvl1: CXX is 'no-such-compiler', but there is no such program"),
        ("PATH", "", "flow.tvl1: no C++ compiler found"),
        ("RECOSR_CACHE", "FILE", "flow.tvl1: cannot write compiled code to"),
    ],
)
def test_what_the_machine_lacks_is_one_line_with_the_others(
    raw, variable, value, line, monkeypatch, tmp_path
):
    (tmp_path / "file").touch()
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv(variable, str(tmp_path / "file" / "below") if value == "FILE" else value)
    machine.compiler.load_library.cache_clear()
    wrong = {"problems": ["superres.models.vdsr.args: wrong"], "notes": []}
    monkeypatch.setattr(inspection, "inspect_networks", lambda *_: wrong)
    with pytest.raises(ConfigError) as error:
        load_config(raw, inspect=Inspector(machine=True))
    _, *lines = str(error.value).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"  {line}")
    assert lines[1] == "  superres.models.vdsr.args: wrong"
    # If jobs run elsewhere, or nothing runs, this machine need not have it.
    with pytest.raises(ConfigError, match=r"used:\n  superres\.models\.vdsr\.args: wrong$"):
        load_config(raw, inspect=Inspector(machine=False))


def test_a_key_is_reported_once(raw):
    raw["superres"]["models"]["vdsr"]["network"] = "luma"
    raw["superres"]["models"]["vdsr_warp"].pop("init")
    more = ["superres.models.vdsr.network: again", "superres.models.rcan.args: wrong"]
    with pytest.raises(ConfigError) as error:
        load_config(raw, inspect=lambda _: more)
    message = str(error.value)
    assert "superres.models.vdsr.network: no 'luma'" in message
    assert "again" not in message
    assert "superres.models.rcan.args: wrong" in message


@pytest.mark.parametrize("name", ["luma", "base", "vdsr.py", "backbone"])
def test_helpers_are_no_networks(raw, name):
    key = ("recognition", "recognizers", "tsn") if name == "backbone" else ("superres", "models", "rcan")
    raw[key[0]][key[1]][key[2]]["network"] = name
    with pytest.raises(ConfigError, match=rf"{'.'.join(key)}\.network: "):
        load_config(raw)


@pytest.mark.slow
def test_the_process_answers(raw, tmp_path, monkeypatch):
    """Whatever a user's module prints, and from wherever it was started."""
    (tmp_path / "loud.py").write_text("print('{')\nclass Net:\n    pass\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    raw["superres"]["models"]["own"] = {"network": "loud:Net"}
    raw["superres"]["models"]["rcan"]["args"]["depht"] = 6
    config = load_config(raw)
    monkeypatch.chdir(tmp_path)
    found = inspect_networks(config, devices=True)
    keys = {problem.partition(": ")[0] for problem in found["problems"]}
    assert keys == {"superres.models.own.network", "superres.models.rcan.args"}


def test_a_process_that_dies_is_reported(raw, monkeypatch, tmp_path):
    (tmp_path / "dies.py").write_text("raise SystemExit('out of memory')")
    monkeypatch.setattr(inspection, "CHECKER", "dies")
    config = load_config(raw)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = inspect_networks(config, devices=False)
    assert found["problems"] == ["networks: the process that checks them ended with out of memory"]


def test_a_package_of_that_name_in_the_working_folder_hides_nothing(raw, monkeypatch, tmp_path):
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline" / "__init__.py").write_text("raise RuntimeError")
    raw["superres"]["models"]["rcan"]["args"] = {"depht": 6}
    config = load_config(raw)
    monkeypatch.chdir(tmp_path)
    (problem,) = Inspector(machine=False)(config)
    assert "depht" in problem


def test_snakemakes_process_stays_without_torch(root):
    code = "import sys, pipeline.preflight.inspection; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)


@pytest.mark.slow
def test_a_run_stops_before_its_first_job(root, tmp_path, raw):
    project = Project.copy(root, tmp_path / "project")
    raw["superres"]["models"]["rcan"]["args"] = {"depht": 6}
    raw["recognition"]["recognizers"]["tsn"]["network"] = "st_resnet"
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
    arguments = ["--configfile", str(tmp_path / "c.yaml"), "--cores", "1"]
    for more, compiler in ((["--dry-run"], False), ([], True)):
        environment = os.environ | {"CXX": "no-such-compiler"}
        done = project.snakemake(*arguments, *more, check=False, env=environment)
        message = done.stdout + done.stderr
        assert done.returncode != 0
        assert "superres.models.rcan.args: " in message
        assert "recognition.recognizers.tsn.network: " in message
        assert ("no-such-compiler" in message) == compiler
        assert "localrule" not in message
        assert not (tmp_path / "out" / "logs").exists()
