"""The command line: one sub-command a stage, arguments checked before work starts."""

import importlib
import inspect
import re

import pytest

from pipeline.cli import STAGES, main


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
        assert f"--{argument.replace('_', '-')}" in shown


NO_RULE = {"import-weights", "preflight"}
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
        main(["extract-flow", "--tvl1", '{"tua": 0.25}', "--frames", str(tmp_path)])
    assert exit_.value.code == 2
    told = capsys.readouterr().err
    assert "--tvl1" in told
    assert "tua" in told


def test_a_stages_own_error_is_one_readable_line(capsys, tmp_path):
    status = main(
        [
            *["plan-frames", "--manifest", str(tmp_path / "none.csv"), "--recognizers", "{}"],
            *["--out", str(tmp_path / "plan.json")],
        ]
    )
    assert status == 1
    told = capsys.readouterr().err
    assert told.startswith("plan-frames: ")
    assert "none.csv" in told
    assert "Traceback" not in told


def test_empty_optional_inputs_are_none(monkeypatch):
    seen = {}

    def stage(weights: "Path | None", files: "list[Path]", plan: "dict[str, int]", name: str) -> None:
        seen.update(weights=weights, files=files, plan=plan, name=name)

    from pathlib import Path

    stage.__annotations__ = {"weights": Path | None, "files": list[Path], "plan": dict[str, int], "name": str}
    module = importlib.import_module("pipeline.recognition.plan")
    monkeypatch.setattr(module, "plan_frames", stage)
    assert main(["plan-frames", "--weights", "--files", "a", "b", "--plan", '{"x": 1}', "--name", "n"]) == 0
    assert seen == {"weights": None, "files": [Path("a"), Path("b")], "plan": {"x": 1}, "name": "n"}
    assert main(["plan-frames", "--weights", "", "--files", "--plan", "{}", "--name", "n"]) == 0
    assert seen == {"weights": None, "files": [], "plan": {}, "name": "n"}
