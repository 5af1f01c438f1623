"""The command line: one sub-command a stage, arguments checked before work starts."""

import errno
import importlib
import inspect
import os
import re
import signal
import subprocess
import sys
import time
import typing
from pathlib import Path

import pytest

from pipeline.cli import ON_VIDEOS, STAGES, main
from pipeline.command import COMMANDS
from pipeline.config import Demo
from pipeline.data.request import GenerateDemo


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_documents_its_arguments(stage, capsys):
    with pytest.raises(SystemExit) as exit_:
        main([stage, "--help"])
    assert exit_.value.code == 0
    shown = capsys.readouterr().out
    module, _, name = STAGES[stage].partition(":")
    function = getattr(importlib.import_module(module), name)
    assert function.__doc__.splitlines()[0] in shown
    for argument in inspect.signature(function).parameters:
        assert f"--{argument.rstrip('_').replace('_', '-')}" in shown


@pytest.mark.parametrize("stage", STAGES)
def test_help_explains_every_field_of_a_request(stage, capsys):
    module, _, name = STAGES[stage].partition(":")
    hints = typing.get_type_hints(getattr(importlib.import_module(module), name))
    if request := hints.get("request"):
        with pytest.raises(SystemExit):
            main([stage, "--help"])
        shown = " ".join(capsys.readouterr().out.split())
        for field, about in request.model_fields.items():
            assert about.description, f"{stage}: {field} has no description"
            assert field in shown
            assert " ".join(about.description.split()) in shown


def test_a_request_that_lacks_a_key_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["measure-quality", "--request", '{"channel": "y"}'])
    assert "border: Field required" in capsys.readouterr().err


NO_RULE = {"import-weights", "export-lr", "preflight"}
"""Sub-commands for what a run is given, and for what it takes."""


def test_every_stage_is_called_by_a_rule(root):
    called = {
        stage
        for path in (root / "rules").glob("*.smk")
        for stage in re.findall(r"python -m pipeline ([\w-]+)", path.read_text())
    }
    assert called == set(STAGES) - NO_RULE


def test_a_wrong_value_names_argument_and_key(capsys, tmp_path):
    with pytest.raises(SystemExit) as exit_:
        main(["extract-flow", "--request", '{"tvl1": {"tua": 0.25}}', "--frames", str(tmp_path)])
    assert exit_.value.code == 2
    message = capsys.readouterr().err
    assert "--request" in message
    assert "tvl1.tua" in message


def test_a_stages_own_error_is_one_readable_line(capsys, tmp_path):
    status = main(
        [
            *["plan-frames", "--manifest", str(tmp_path / "none.csv"), "--request", '{"streams": []}'],
            *["--out", str(tmp_path / "plan.json")],
        ]
    )
    assert status == 1
    message = capsys.readouterr().err
    assert message.startswith("plan-frames: ")
    assert "none.csv" in message
    assert "Traceback" not in message


def test_empty_optional_inputs_are_none(monkeypatch):
    seen = {}

    def stage(weights: "Path | None", files: "list[Path]", plan: "dict[str, int]", name: str) -> None:
        seen.update(weights=weights, files=files, plan=plan, name=name)

    stage.__annotations__ = {"weights": Path | None, "files": list[Path], "plan": dict[str, int], "name": str}
    module = importlib.import_module("pipeline.recognition.plan")
    monkeypatch.setattr(module, "plan_frames", stage)
    assert main(["plan-frames", "--weights", "--files", "a", "b", "--plan", '{"x": 1}', "--name", "n"]) == 0
    assert seen == {"weights": None, "files": [Path("a"), Path("b")], "plan": {"x": 1}, "name": "n"}
    assert main(["plan-frames", "--weights", "", "--files", "--plan", "{}", "--name", "n"]) == 0
    assert seen == {"weights": None, "files": [], "plan": {}, "name": "n"}


DEMO = GenerateDemo.of(Demo(height=240, frames=200, videos=9, video_frames=200), kind="cdvl", seed=0)


def test_a_stage_that_slurm_ends_removes_what_is_unfinished(root, tmp_path):
    arguments = ["generate-demo", "--request", DEMO.text(), "--folder"]
    command = [sys.executable, "-m", "pipeline", *arguments, str(tmp_path / "out" / "demo")]
    with subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE, text=True) as process:
        while not list(tmp_path.glob("out/.demo.*")) and process.poll() is None:
            time.sleep(0.05)
        process.terminate()
        message = process.stderr.read()
    assert process.returncode == 128 + signal.SIGTERM
    assert message == "generate-demo: ended by SIGTERM; what was unfinished is removed\n"
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), "quota"])
def test_a_full_disk_below_a_library_names_a_path(monkeypatch, capsys, tmp_path, error):
    def plan_frames(out: Path) -> None:
        if error == "quota":
            raise RuntimeError(f"cannot write events: {os.strerror(errno.EDQUOT)}")
        raise error

    monkeypatch.setattr(importlib.import_module("pipeline.recognition.plan"), "plan_frames", plan_frames)
    assert main(["plan-frames", "--out", str(tmp_path / "plan.json")]) == 1
    message = capsys.readouterr().err
    assert message.startswith("plan-frames: DiskFullError: /")
    assert "are free for it; make room" in message
    assert message.count("\n") == 1


def test_an_error_of_the_program_keeps_its_traceback(monkeypatch):
    def plan_frames() -> None:
        raise RuntimeError("not the disk")

    monkeypatch.setattr(importlib.import_module("pipeline.recognition.plan"), "plan_frames", plan_frames)
    with pytest.raises(RuntimeError, match="not the disk"):
        main(["plan-frames"])


def test_the_manual_names_every_command_and_shows_examples(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["--help"])
    assert exit_.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    unbroken = shown.replace("- ", "-")  # names that end a line in between
    assert all(name in unbroken for name in [*STAGES, *COMMANDS, *ON_VIDEOS])
    assert "run --cores 8 --configfile c.yaml" in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_beside_the_stages_has_a_manual(name, capsys):
    with pytest.raises(SystemExit) as exit_:
        COMMANDS[name](["--help"])
    assert exit_.value.code == 0
    assert "examples:" in capsys.readouterr().out


@pytest.mark.parametrize("name", ON_VIDEOS)
def test_each_command_for_people_has_a_manual_with_examples(name, capsys):
    with pytest.raises(SystemExit) as exit_:
        main([name, "--help"])
    assert exit_.value.code == 0
    shown = capsys.readouterr().out
    assert "examples" in shown
    assert len(re.findall(rf"^  .*\b{name} \S", shown, re.M)) >= 2


def test_an_unknown_command_is_told_the_known_ones(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["runn"])
    assert exit_.value.code == 2
    told = capsys.readouterr().err
    assert "no command 'runn'" in told
    assert "run, report, path, generate-demo" in told


@pytest.mark.parametrize(
    ("arguments", "cores"),
    [
        (["--configfile", "c.yaml", "--", "tables"], True),
        (["-n"], True),
        (["--cores", "3"], False),
        (["-c3"], False),
        (["--jobs=3"], False),
        (["-j", "3", "--", "tables"], False),
        (["--profile", "mine"], False),
        (["--executor", "slurm", "--jobs", "9"], False),
    ],
)
def test_run_is_snakemake_with_the_workflow_of_this_installation(root, monkeypatch, arguments, cores):
    called = []
    monkeypatch.setattr(os, "execv", lambda program, words: called.append(words))
    monkeypatch.delenv("SNAKEMAKE_PROFILE", raising=False)
    COMMANDS["run"](arguments)
    own = ["--snakefile", f"{root}/Snakefile", "--workflow-profile", f"{root}/profiles/default"]
    own += ["--cores", "all"] * cores
    assert called == [[sys.executable, "-P", "-m", "snakemake", *own, *arguments]]
