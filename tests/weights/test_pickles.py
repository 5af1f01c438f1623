"""The restricted unpickler: whole modules are read, malicious files are refused without effect."""

import io
import os
import pickle
import pickletools
import struct
import sys
import zipfile
from argparse import Namespace
from collections import OrderedDict, defaultdict, deque

import numpy as np
import pytest
import torch
from torch import nn
from torch.serialization import MAGIC_NUMBER, PROTOCOL_VERSION

from pipeline.weights import WeightsError
from pipeline.weights.formats import read_source
from pipeline.weights.pickles import StandIn, read_pickle


class Custom(nn.Module):
    """A module of a class that is nowhere on the reader's side."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
        self.scale = nn.Parameter(torch.full((2,), 3.0))
        self.register_buffer("fleeting", torch.zeros(1), persistent=False)
        self.note = {"anything": [1, "two"], "kind": torch.float32}
        self.shared = self.first[0]


@pytest.mark.parametrize("zipped", [True, False])
def test_a_whole_module_gives_its_state_dict(zipped, tmp_path):
    module = Custom()
    torch.save({"epoch": 1, "model": module}, tmp_path / "m.pth", _use_new_zipfile_serialization=zipped)
    state = read_source(tmp_path / "m.pth").state
    expected = module.state_dict()
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[key], value) for key, value in expected.items())


def test_views_and_kinds_of_numbers_keep_their_values(tmp_path):
    whole = torch.arange(24, dtype=torch.float64).view(4, 6)
    tensors = OrderedDict(
        view=whole[1:3, ::2], turned=whole.T, half=whole.half(), flags=whole > 3, one=whole[2, 2]
    )
    tensors["bfloat"] = whole.bfloat16()
    tensors["empty"] = whole[:0]
    # What no state dict holds, so that torch's own reader refuses the file.
    torch.save({"state_dict": tensors, "note": Unknown()}, tmp_path / "views.pth")
    state = read_source(tmp_path / "views.pth").state
    for key, value in tensors.items():
        assert state[key].dtype == value.dtype
        assert torch.equal(state[key], value)


class Unknown:
    """An object beside the tensors."""


def test_tensors_saved_on_a_gpu_come_to_the_cpu(tmp_path):
    """The older container says "cuda:0" of each storage; no GPU is at hand, so the name is put there."""
    for content in ({"w": torch.ones(3)}, {"state_dict": {"w": torch.ones(3)}, "note": Unknown()}):
        buffer = io.BytesIO()
        torch.save(content, buffer, _use_new_zipfile_serialization=False)
        on_gpu = buffer.getvalue().replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
        assert b"cuda:0" in on_gpu
        (tmp_path / "gpu.pth").write_bytes(on_gpu)
        state = read_source(tmp_path / "gpu.pth").state
        assert state["w"].device.type == "cpu"
        assert state["w"].tolist() == [1, 1, 1]


class Hostile:
    """Pickles as a call of ``function(*arguments)``."""

    def __init__(self, function, *arguments) -> None:
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def write(content, path, container: str) -> None:
    if container == "bare":
        path.write_bytes(pickle.dumps(content))
    elif container == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("m/data.pkl", pickle.dumps(content, 2))
            archive.writestr("m/version", "3")
    else:
        parts = [MAGIC_NUMBER, PROTOCOL_VERSION, {"little_endian": True}, content, []]
        path.write_bytes(b"".join(pickle.dumps(part, 2) for part in parts))


@pytest.mark.parametrize("container", ["zip", "sequence", "bare"])
def test_calls_are_not_made(container, tmp_path):
    witness, proof = tmp_path / "witness", tmp_path / "proof"
    pickle.loads(pickle.dumps(Hostile(os.system, f"touch {proof}")))
    assert proof.exists()  # such a pickle does its harm elsewhere
    hostile = [
        Hostile(os.system, f"touch {witness}"),
        Hostile(eval, f"open({str(witness)!r}, 'w')"),
        Hostile(exec, f"open({str(witness)!r}, 'w')"),
        Hostile(open, str(witness), "w"),
        Hostile(__import__, "antigravity"),
        Hostile(torch.load, str(witness)),
        Hostile(torch.nn.Module),
    ]
    for content in [*hostile, {"state_dict": {"w": hostile[0]}}, {"model": hostile}]:
        write(content, tmp_path / "hostile.pth", container)
        with pytest.raises(WeightsError, match=r"hostile\.pth"):
            read_source(tmp_path / "hostile.pth")
    assert not witness.exists()
    assert "antigravity" not in sys.modules


def op(*codes: bytes) -> bytes:
    """A pickle of protocol 2 of these opcodes."""
    return b"\x80\x02" + b"".join(codes) + b"."


def globals_(module: str, name: str) -> bytes:
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


@pytest.mark.parametrize(
    "codes",
    [
        # A module's attribute by a dotted name, as protocol 4 allows.
        b"\x80\x04" + text("os") + text("system.__call__") + b"\x93" + text("true") + b"\x85R.",
        # A function of an instance that the file made.
        op(globals_("os", "system"), b")\x81", text("true"), b"\x85R"),
        # State for things that are shared: what shapes tensors, and a class.
        op(globals_("torch._utils", "_rebuild_tensor_v2"), b"}", text("__call__"), text("x"), b"sb"),
        op(globals_("collections", "OrderedDict"), b"N}", text("__setitem__"), text("x"), b"s\x86b"),
        op(globals_("any", "thing"), b"N}", text("append"), text("x"), b"s\x86b"),
        # A tensor of text, of a negative size, beyond its storage; a storage of no kind.
        op(globals_("torch._utils", "_rebuild_tensor"), b"(", text("x"), b"K\0))tR"),
        op(b"(", text("storage"), text("Float"), text("0"), text("cpu"), text("many"), b"tQ"),
        op(b"(", text("storage"), globals_("torch", "QInt8Storage"), text("0"), text("cpu"), b"K\1NtQ"),
        op(b"(", text("elsewhere"), text("x"), b"tQ"),
        # An extension of the registry.
        op(b"\x82\x01"),
        # A pickle that ends in the middle.
        b"\x80\x02}",
        b"",
    ],
)
@pytest.mark.parametrize("container", ["zip", "sequence"])
def test_hostile_programs_are_refused(codes, container, tmp_path):
    path = tmp_path / "hostile.pth"
    if container == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("m/data.pkl", codes)
    else:
        head = b"".join(pickle.dumps(part, 2) for part in (MAGIC_NUMBER, PROTOCOL_VERSION, {}))
        path.write_bytes(head + codes + pickle.dumps([], 2))
    with pytest.raises(WeightsError, match=r"hostile\.pth"):
        read_source(path)
    # Nothing that later files are read with has changed.
    torch.save({"state_dict": OrderedDict(w=torch.ones(2)), "note": Unknown()}, tmp_path / "good.pth")
    assert read_source(tmp_path / "good.pth").state["w"].tolist() == [1, 1]


def test_a_tensor_beyond_its_storage_is_refused(tmp_path):
    torch.save({"w": torch.ones(4), "note": Unknown()}, tmp_path / "good.pth")
    with zipfile.ZipFile(tmp_path / "good.pth") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    program = next(name for name in parts if name.endswith("data.pkl"))
    shape = b"K\x04\x85"  # (4,)
    assert parts[program].count(shape) == 1, pickletools.dis(parts[program])
    parts[program] = parts[program].replace(shape, b"K\x40\x85")
    with zipfile.ZipFile(tmp_path / "long.pth", "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    with pytest.raises(WeightsError, match=r"long\.pth"):
        read_source(tmp_path / "long.pth")


def test_programs_of_torchscript_are_not_loaded(tmp_path):
    """Torch itself would load them, whatever reads pickles."""
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), tmp_path / "script.pth")
    with pytest.raises(WeightsError, match=r"script\.pth as tensors \(a TorchScript program\)"):
        read_pickle(tmp_path / "script.pth")


class Options(dict):
    """What a training keeps of its settings."""


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("zipped", [True, False])
def test_settings_of_a_training_do_no_harm(zipped, protocol, tmp_path):
    counts = defaultdict(list, a=[1])
    beside = {"opt": Options(lr=0.1), "queue": deque([1, 2]), "args": Namespace(lr=0.1), "counts": counts}
    content = {"state_dict": {"w": torch.ones(2)}, "loss": np.float64(0.5), **beside}
    options = {"_use_new_zipfile_serialization": zipped, "pickle_protocol": protocol}
    torch.save(content, tmp_path / "all.pth", **options)
    assert read_source(tmp_path / "all.pth").state["w"].tolist() == [1, 1]


def test_what_is_not_known_is_inert(tmp_path):
    write({"args": Hostile(os.getcwd), "n": 3}, tmp_path / "m.pth", "zip")
    content = read_pickle(tmp_path / "m.pth")
    assert content["n"] == 3
    assert isinstance(content["args"], StandIn)
    assert type(content["args"]).__module__ != "posix"


def test_a_module_that_contains_itself_is_refused(tmp_path):
    codes = op(globals_("any", "Net"), b")\x81q\0}", text("_modules"), b"}", text("self"), b"h\0ssb")
    with zipfile.ZipFile(tmp_path / "loop.pth", "w") as archive:
        archive.writestr("m/data.pkl", codes)
    with pytest.raises(WeightsError, match=r"loop\.pth"):
        read_source(tmp_path / "loop.pth")
