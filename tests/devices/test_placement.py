"""Networks, losses and recognisers on a GPU, simulated by the fake device of pretend.py."""

import json
import subprocess
import sys

import pytest

from tests.networks import SMALL

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("placement")]


@pytest.fixture(scope="module")
def outcome(root) -> dict[str, str | None]:
    """The error of each case."""
    command = [sys.executable, "-m", "tests.devices.pretend"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_everything_stays_on_the_device_and_no_value_is_waited_for(outcome):
    assert {f"sr/{name}" for name in SMALL} <= outcome.keys()
    found = {name: error for name, error in outcome.items() if not name.startswith("broken/")}
    assert {name: error for name, error in found.items() if error} == {}


def test_a_filter_left_behind_and_a_value_read_are_found(outcome):
    assert "takes tensors on cpu and pretend:0" in outcome["broken/left_behind"]
    assert "local_scalar_dense" in outcome["broken/reads_a_value"]
