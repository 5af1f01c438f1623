"""Our own checkpoints: readable without torch, equal bytes for equal content, and no bit that may change."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from pipeline.config import SRModel
from pipeline.errors import DamagedError
from pipeline.superres.models import load_model
from pipeline.superres.networks import load_network
from pipeline.weights import WeightsError
from pipeline.weights.checkpoint import read_own, write_checkpoint
from pipeline.weights.formats import read_source
from pipeline.weights.provenance import recorded_split

ARGS = {"depth": 3, "features": 2}
METADATA = {
    "trained_on": {"dataset": "ucf101", "split": 2},
    "rates": [0.1, 1e-300],
    "psnr": None,
    "ä": "0" * 64,
}


class Odd(nn.Module):
    """State of all kinds: other numbers, one value, none, memory that is shared or in another order."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = (nn.Linear(3, 3, bias=False) for _ in range(2))
        self.two.weight = self.one.weight
        whole = torch.arange(48.0).view(1, 3, 4, 4)
        kinds = {"brief": whole.bfloat16(), "flags": whole > 3, "count": torch.tensor(7), "none": whole[:0]}
        kinds |= {"part": whole[:, 1:2, ::2], "last": whole.to(memory_format=torch.channels_last)}
        for name, value in kinds.items():
            self.register_buffer(name, value)


@pytest.fixture
def written(tmp_path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "vdsr.safetensors"
    write_checkpoint(path, load_network("vdsr", ARGS), "vdsr", ARGS, METADATA)
    return path


def test_all_that_was_written_is_read(tmp_path):
    network, args = Odd(), {"b": [1, {"c": math.inf}], "a": 'quoted "text"\n'}
    write_checkpoint(tmp_path / "odd.safetensors", network, "package.module:Odd", args, METADATA)
    content = read_own(tmp_path / "odd.safetensors")
    assert (content["network"], content["args"]) == ("package.module:Odd", args)
    assert content["metadata"] == METADATA
    assert content["state_dict"].keys() == network.state_dict().keys()
    for key, value in network.state_dict().items():
        assert content["state_dict"][key].dtype == value.dtype
        assert torch.equal(content["state_dict"][key], value)
    Odd().load_state_dict(content["state_dict"])


def test_a_checkpoint_is_read_without_torch(written, root):
    """By the example of docs/weights.md, and by what runs before the first job."""
    example = (root / "docs/weights.md").read_text().split("```python\n")[1].split("```")[0]
    name = "results/superres/models/sosr.safetensors"
    assert name in example
    program = f"""
import sys
sys.modules["torch"] = None  # an import of it fails
from pathlib import Path
from pipeline.weights.provenance import recorded_split
{example.replace(name, str(written))}
print(weights["output.weight"].tobytes().hex(), recorded_split(Path({str(written)!r}))["split"])
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    metadata, weight = done.stdout.splitlines()
    assert json.loads(metadata) == METADATA
    assert weight == f"{read_own(written)['state_dict']['output.weight'].numpy().tobytes().hex()} 2"


def test_equal_content_has_equal_bytes(written, tmp_path):
    network = load_network("vdsr", ARGS)
    network.load_state_dict(read_own(written)["state_dict"])
    for number in range(8):
        other = tmp_path / f"other{number}"
        metadata = dict(reversed(METADATA.items())) if number % 2 else METADATA
        write_checkpoint(other, network, "vdsr", dict(reversed(ARGS.items())), metadata)
        assert other.read_bytes() == written.read_bytes()


def test_other_libraries_find_tensors_at_multiples_of_eight(written):
    content = written.read_bytes()
    assert int.from_bytes(content[:8], "little") % 8 == 0
    with safe_open(written, framework="pt") as file:
        assert file.metadata()["format"] == "pt"


def test_every_flipped_bit_is_told(written, tmp_path):
    content, path = written.read_bytes(), tmp_path / "flipped.safetensors"
    start = 8 + int.from_bytes(content[:8], "little")
    draw = np.random.default_rng(0).integers
    bits = [*range(80), *draw(80, 8 * start, 200), *draw(8 * start, 8 * len(content), 100)]
    for bit in map(int, bits):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        assert refused(path), f"bit {bit} of {len(content)} bytes"


def refused(path: Path) -> bool:
    """Whether a checkpoint is refused, by name and with what to do."""
    try:
        read_own(path)
    except DamagedError as error:
        return f"{path} is damaged (" in str(error) and "delete it, and the next run makes it" in str(error)
    return False


def test_every_other_length_is_told(written, tmp_path):
    content, path = written.read_bytes(), tmp_path / "cut.safetensors"
    for length in {*range(10), *range(10, len(content), 37), len(content) - 1}:
        path.write_bytes(content[:length])
        assert refused(path), length
    path.write_bytes(content + b"\0")
    assert refused(path)


def test_a_checkpoint_is_verified_wherever_it_is_given(written):
    """As initial weights and as the source of an import, too."""
    content = bytearray(written.read_bytes())
    content[-1] ^= 1
    written.write_bytes(content)
    with pytest.raises(DamagedError, match="its bytes are not those of its checksum"):
        read_source(written)
    with pytest.raises(DamagedError, match="its bytes are not those of its checksum"):
        load_model(SRModel(network="vdsr", args=ARGS), written)


def test_one_that_other_programs_changed_is_told(written):
    with safe_open(written, framework="pt") as file:
        said = file.metadata()
    save_file({"w": torch.ones(2)}, written, metadata=said)
    with pytest.raises(DamagedError, match="checksum"):
        read_own(written)
    save_file({"w": torch.ones(2)}, written, metadata={"recosr.network": "vdsr"})
    with pytest.raises(DamagedError, match="KeyError: 'args'"):
        recorded_split(written)


def test_published_files_are_none_of_ours(tmp_path):
    path = tmp_path / "net.safetensors"
    save_file({"w": torch.ones(2)}, path, metadata={"format": "pt", "network": "vdsr", "sha256": "0"})
    assert read_own(path) is None
    assert read_source(path).state["w"].tolist() == [1, 1]
    torch.save({"w": torch.ones(2)}, tmp_path / "net.pth")
    assert read_own(tmp_path / "net.pth") is None


def test_what_is_no_checkpoint_is_said_as_what_it_is(tmp_path):
    path = tmp_path / "net.safetensors"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 19332096\n")
    with pytest.raises(DamagedError, match=r"net\.safetensors is damaged \(a pointer of Git LFS"):
        load_model(SRModel(network="vdsr", args=ARGS), path)


def test_checkpoints_of_earlier_versions_are_refused(tmp_path):
    """Their splits are not read any more."""
    state = load_network("vdsr", ARGS).state_dict()
    old = {"network": "vdsr", "args": ARGS, "state_dict": state, "metadata": METADATA}
    torch.save(old, tmp_path / "ucf.pt")
    with pytest.raises(
        WeightsError, match=r"ucf\.pt is a checkpoint of an earlier version.*; train it again"
    ):
        load_model(SRModel(network="vdsr", args=ARGS), tmp_path / "ucf.pt")
