"""What a newcomer's first commands say: the Makefile, the lock file, the Python that they name."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tools.conda_envs import INDEXES, conda_env

INSTALL = "pip install --quiet  --requirement requirements.lock"
CPU = INSTALL.replace("  ", " --extra-index-url https://download.pytorch.org/whl/cpu ")


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *words], cwd=folder, capture_output=True, text=True)


@pytest.fixture
def fresh(root, tmp_path) -> Path:
    """A checkout without an environment."""
    for name in ("Makefile", "requirements.lock"):
        shutil.copy(root / name, tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "command"), [([], INSTALL), (["TORCH=default"], INSTALL), (["TORCH=cpu"], CPU)]
)
def test_set_up_takes_the_lock_file_from_the_index_that_torch_names(fresh, words, command):
    assert command in make(fresh, "--dry-run", "setup", *words).stdout.splitlines()


def test_an_unknown_build_of_torch_is_refused(fresh):
    result = make(fresh, "setup", "TORCH=cuda13")
    assert result.returncode
    assert "TORCH=cuda13: give cpu or default" in result.stderr


def fake_python(folder: Path, version: tuple[int, int]) -> Path:
    """A Python that says that it is of a version, and leaves a file where it is asked for anything else."""
    other = folder / "other-python"
    pretend = f"import sys; sys.version_info = ({version[0]}, {version[1]}, 1); exec(sys.argv[1])"
    other.write_text(
        f"#!/bin/sh\n[ $1 = -c ] && exec {sys.executable} -c '{pretend}' \"$2\"\ntouch made\nfalse\n"
    )
    other.chmod(0o755)
    return other


def test_an_older_python_is_refused_before_anything_is_made(fresh):
    result = make(fresh, "setup", f"PYTHON={fake_python(fresh, (3, 10))}", "CORES=1")
    assert result.returncode
    assert "Python 3.10 found, but 3.11 or newer is needed" in result.stderr
    assert "give make PYTHON=PATH_OF_PYTHON3.11" in result.stderr
    assert not (fresh / "made").exists()


def test_a_newer_python_is_taken_with_a_warning(fresh):
    result = make(fresh, "setup", f"PYTHON={fake_python(fresh, (3, 12))}", "CORES=1")
    assert "Python 3.12 found; requirements.lock is tested with 3.11 only" in result.stderr
    assert (fresh / "made").exists()


def test_one_python_is_named_everywhere(root):
    project = tomllib.loads((root / "pyproject.toml").read_text())
    assert project["project"]["requires-python"] == ">=3.11,<3.12"
    assert project["tool"]["ruff"]["target-version"] == "py311"
    for name in INDEXES:
        assert "python=3.11" in yaml.safe_load((root / f"envs/{name}.yaml").read_text())["dependencies"]
    steps = workflow(root)["steps"]
    assert [s["with"]["python-version"] for s in steps if "setup-python" in s.get("uses", "")] == ["3.11"]


def test_the_lock_file_pins_each_dependency_once(root):
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    # 150 MB with what it needs, for one optional backbone, whose tests are skipped without it.
    assert "transformers" in extras.pop("transformers")[0]
    asked = [name for part in extras.values() for name in part]
    asked += project["dependencies"]
    lines = (root / "requirements.lock").read_text().splitlines()
    pinned = [plain(line.partition("==")[0]) for line in lines]
    assert all("==" in line for line in lines)
    assert len(pinned) == len(set(pinned))
    assert {plain(re.split(r"[<>=]", name)[0]) for name in asked} <= set(pinned)


@pytest.mark.parametrize("name", INDEXES)
def test_condas_environments_hold_the_lock_file_and_point_to_no_other(root, name):
    """Snakemake gives conda a copy that lies elsewhere."""
    path = root / f"envs/{name}.yaml"
    assert path.read_text() == conda_env(name), "run `make docs`"
    *_, packages = yaml.safe_load(path.read_text())["dependencies"]
    pins = [line for line in packages["pip"] if not line.startswith("--extra-index-url ")]
    assert pins == (root / "requirements.lock").read_text().split()


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def workflow(root: Path) -> dict:
    (job,) = yaml.safe_load((root / ".github/workflows/ci.yml").read_text())["jobs"].values()
    return job


def test_github_runs_what_anyone_can_run(root):
    assert [step["run"] for step in workflow(root)["steps"] if "run" in step] == [".ci/run"]


def test_coverage_is_measured_on_a_part_of_all_tests(root, fresh):
    """What CI runs in place of `make test`: each test once."""
    assert "make coverage" in (root / ".ci/run").read_text().splitlines()
    commands = make(fresh, "--dry-run", "coverage", "CORES=2").stdout.splitlines()
    assert [line for line in commands if line.startswith("pytest")] == [
        "pytest -n 2 --dist loadgroup -m slow",
        'pytest -n 2 --dist loadgroup -m "not slow" --cov --cov-report term',
    ]


def test_the_catalogue_can_read_its_file(root):
    usage = yaml.safe_load((root / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert set(usage) == {"mandatory-flags", "software-stack-deployment", "report"}
    assert set(usage["mandatory-flags"]) == {"desc", "flags"}
    deployment = usage["software-stack-deployment"]
    assert set(deployment) == {"conda", "apptainer", "apptainer+conda"}
    assert deployment["conda"]
    calls = [path for path in (root / "rules").glob("*.smk") if re.search(r"\breport\(", path.read_text())]
    assert usage["report"] == bool(calls)
    assert (root / "config/README.md").is_file()


def test_the_citation_is_of_this_version(root):
    citation = yaml.safe_load((root / "CITATION.cff").read_text())
    version = re.search(r'VERSION = "(.+)"', (root / "pipeline/version.py").read_text())[1]
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["version"] == version
    (paper,) = citation["references"]
    assert [author["family-names"] for author in paper["authors"]] == ["Zhang", "Liu", "Xiong"]


def test_hooks_call_what_make_check_calls(root):
    """With the lock file's tools, so nothing but pre-commit itself has a version of its own."""
    (repository,) = yaml.safe_load((root / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    programs = [hook["entry"] for hook in repository["hooks"] if hook["language"] == "system"]
    check = (root / "Makefile").read_text().partition("\ncheck: setup\n")[2].partition("\n\n")[0]
    for entry in programs:
        tool, *words = entry.removeprefix(".venv/bin/").split()
        assert " ".join([tool, *(w for w in words if not w.startswith("-"))]) in check
    assert len(programs) == 3
