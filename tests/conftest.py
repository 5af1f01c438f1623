"""Fixtures shared by all tests."""

import os

# One core per process, as in jobs (pipeline/__main__.py): the threads of several processes would block each
# other. Libraries read this when they are loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from workflow import Project

ROOT = Path(__file__).parent.parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests first, so that with several processes (`pytest -n 2 --dist loadgroup`) all end together.

    A cluster's tests stay in one process. First of all such hooks, because xdist's reads the marks.
    """
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    for item in items:
        if "slurm_environment" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("slurm"))


@pytest.fixture(scope="session")
def once(tmp_path_factory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Make a folder once for all processes of a test run; the others wait until it is complete."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def folder(name: str, make: Callable[[Path], object]) -> Path:
        made = base / "shared" / name
        made.parent.mkdir(exist_ok=True)
        with FileLock(made.with_suffix(".lock")):
            if not made.exists():
                try:
                    make(made)
                except BaseException:
                    shutil.rmtree(made, ignore_errors=True)
                    raise
        return made

    return folder


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root folder."""
    return ROOT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real clips, official lists and published weights: no part of the repository."""
    folder = Path(os.environ.get("RECOSR_REAL_DATA", ROOT.parent / "shared" / "data" / "real"))
    if not folder.is_dir():
        pytest.skip(
            f"needs real clips, which the repository does not hold: no folder {folder}; set RECOSR_REAL_DATA "
            "to a folder that is laid out as config/real-small.yaml says"
        )
    return folder


@pytest.fixture(scope="session")
def micro_project(root, once) -> Project:
    """A copy of the project for all micro runs; tests do not change it."""
    return Project(once("project", lambda folder: Project.copy(root, folder)))


@pytest.fixture(scope="session")
def micro_arguments():
    """Snakemake's arguments for the micro table in a folder."""

    def arguments(output: Path) -> list[str]:
        return [
            *["--configfile", "tests/micro/config.yaml"],
            *["--config", f"output={output}"],
            *["--", f"{output}/table4.csv", "figures"],
        ]

    return arguments


@pytest.fixture(scope="session")
def micro_run(micro_project, micro_arguments):
    """Run the micro experiment into a folder with additional arguments of Snakemake; returns its table."""

    def run(output: Path, *arguments: str) -> Path:
        micro_project.snakemake(*arguments, *micro_arguments(output))
        return output / "table4.csv"

    return run


@pytest.fixture(scope="session")
def micro_table(micro_project, micro_arguments, once) -> Path:
    """The table of one micro run on two cores, with the other tables; tests change nothing beside it."""

    def run(output: Path) -> None:
        micro_project.snakemake("--cores", "2", *micro_arguments(output), "tables")

    return once("micro", run) / "table4.csv"


@pytest.fixture(scope="session")
def micro_tables(micro_table) -> Path:
    """The folder of the other tables."""
    return micro_table.parent / "tables"
