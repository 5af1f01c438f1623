"""Files of equal content have equal bytes, whatever they are called and whenever they are written."""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd
import pytest
import test_damage
import torch
from matplotlib.figure import Figure

from pipeline.files import atomic_path
from pipeline.training.resume import load_resume, save_resume
from pipeline.training.torch_archive import write_archive
from pipeline.video.frames import write_video


def write_movie(path: Path) -> None:
    write_video(path, test_damage.random_bytes(4, 16, 16, 3), 25)


def write_table(path: Path) -> None:
    with atomic_path(path) as temporary:
        pd.DataFrame({"a": [1.5, 2.25]}).to_csv(temporary, index=False, float_format="%.2f")


def write_picture(path: Path) -> None:
    figure = Figure()
    figure.subplots().imshow(test_damage.random_bytes(9, 9))
    with atomic_path(path) as temporary:
        figure.savefig(temporary)


WRITERS = {name: write for name, (write, _) in test_damage.KINDS.items()}
WRITERS |= {"movie.avi": write_movie, "table.csv": write_table, "picture.png": write_picture}


@pytest.fixture(scope="module")
def twice(tmp_path_factory) -> tuple[Path, Path]:
    """All kinds of files under two names, the second ones two seconds later, a step of zip's times."""
    first, second = (tmp_path_factory.mktemp(name) for name in ("first", "second"))
    for name, write in WRITERS.items():
        write(first / name)
    time.sleep(2.1)
    for name, write in WRITERS.items():
        write(second / f"other-{name}")
    return first, second


@pytest.mark.xdist_group("equal_bytes")
@pytest.mark.parametrize("name", WRITERS)
def test_time_and_name_leave_no_trace(twice, name):
    first, second = twice
    assert (first / name).read_bytes() == (second / f"other-{name}").read_bytes()


def test_only_content_counts(tmp_path):
    """Not which of its strings and containers are one object."""
    name, numbers = "".join(["some", "thing"]), [1, 2]
    tensor = torch.arange(3)
    shared = {"a": name, "b": name, "c": {"a": numbers, "d": numbers}, "t": tensor}
    apart = {"a": "something", "b": "some" + name[4:], "c": {"a": [1, 2], "d": [1, 2]}, "t": tensor.clone()}
    write_archive(tmp_path / "a.resume", shared)
    write_archive(tmp_path / "b.resume", apart)
    assert (tmp_path / "a.resume").read_bytes() == (tmp_path / "b.resume").read_bytes()


def test_a_state_that_was_read_is_written_as_before(tmp_path):
    network = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3))
    optimiser = torch.optim.Adam(network.parameters())
    network(torch.ones(2, 3)).sum().backward()
    optimiser.step()
    state = {"network": network.state_dict(), "optimiser": optimiser.state_dict(), "step": 1}
    save_resume(tmp_path / "a.resume", state, "key")
    save_resume(tmp_path / "b.resume", load_resume(tmp_path / "a.resume", "key"), "key")
    assert (tmp_path / "a.resume").read_bytes() == (tmp_path / "b.resume").read_bytes()
