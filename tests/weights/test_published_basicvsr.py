"""BasicVSR under mmediting's names; under BasicSR's it is held against outputs in tests/golden."""

import re

import pytest
import torch

from pipeline.superres.networks import load_network
from pipeline.weights import WeightsError
from pipeline.weights.published import load_published

pytestmark = pytest.mark.numeric

SMALL = {"features": 4, "blocks": 2}
THEIRS = {"backward_trunk": "backward_resblocks", "forward_trunk": "forward_resblocks"}
THEIRS |= {f"upconv{n}": f"upsample{n}.upsample_conv" for n in (1, 2)}


def mmediting_name(key: str) -> str:
    """The key that mmediting gives to one of ours."""
    if match := re.fullmatch(r"(spynet\.basic_module\.\d\.basic_module)\.(\d)\.(weight|bias)", key):
        return f"{match[1]}.{int(match[2]) // 2}.conv.{match[3]}"
    first, _, rest = key.partition(".")
    return f"{THEIRS.get(first, first)}.{rest}"


@pytest.mark.parametrize("prefix", ["", "generator."])
def test_mmediting(prefix, tmp_path):
    torch.manual_seed(0)
    expected = load_network("basicvsr", SMALL).state_dict()
    state = {f"{prefix}{mmediting_name(key)}": value for key, value in expected.items()}
    assert len(state) == len(expected)
    torch.save({"meta": {}, "state_dict": state | {"step_counter": torch.zeros(1)}}, tmp_path / "vsr.pth")
    network = load_network("basicvsr", SMALL)
    assert load_published(network, tmp_path / "vsr.pth") == "BasicVSR, mmediting"
    for key, value in network.state_dict().items():
        assert torch.equal(value, expected[key]), key


def test_another_size_is_refused(tmp_path):
    torch.save({"params": load_network("basicvsr", SMALL).state_dict()}, tmp_path / "vsr.pth")
    with pytest.raises(WeightsError, match="does not fit BasicVSR"):
        load_published(load_network("basicvsr", SMALL | {"blocks": 3}), tmp_path / "vsr.pth")
