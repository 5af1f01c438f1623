"""Fixtures that all tests share."""

from pathlib import Path

import pytest
from workflow import Project

ROOT = Path(__file__).parent.parent

SHARED = ("micro_table", "slurm_environment")
"""Fixtures of a run and of a cluster that many tests look at: each one's tests stay in one process."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several processes (`pytest -n 2 --dist loadgroup`) nothing shared is made twice.

    First of all such hooks, because xdist's reads the marks.
    """
    for item in items:
        for name in SHARED:
            if name in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.xdist_group(name))


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root folder."""
    return ROOT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real clips, lists and weights kept beside the project."""
    folder = ROOT.parent / "shared" / "data" / "real"
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}")
    return folder


@pytest.fixture(scope="session")
def micro_project(root, tmp_path_factory) -> Project:
    """A copy of the project that the micro runs share; tests do not change it."""
    return Project.copy(root, tmp_path_factory.mktemp("project"))


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
    """Run the micro experiment into a folder with more of Snakemake's arguments; its table."""

    def run(output: Path, *arguments: str) -> Path:
        micro_project.snakemake(*arguments, *micro_arguments(output))
        return output / "table4.csv"

    return run


@pytest.fixture(scope="session")
def micro_table(micro_run, tmp_path_factory) -> Path:
    """The table of one micro run on two cores; tests read what lies beside it, and change nothing."""
    return micro_run(tmp_path_factory.mktemp("micro"), "--cores", "2")


@pytest.fixture(scope="session")
def micro_tables(micro_project, micro_table) -> Path:
    """The folder of the other tables, made on top of the micro run."""
    config = ["--configfile", "tests/micro/config.yaml", "--config", f"output={micro_table.parent}"]
    micro_project.snakemake("--cores", "2", *config, "--", "tables")
    return micro_table.parent / "tables"
