"""Files that are given as weights but are something else: the error says what they are."""

import io
import pickle
import tarfile
import zipfile

import pytest
import torch

from pipeline.superres.networks import load_network
from pipeline.weights import WeightsError
from pipeline.weights.formats import read_source

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 19332096\n"


def tar(path, names: list[str]) -> None:
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for name in names:
            content = pickle.dumps({"protocol_version": 1000}, 2)
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def script(path) -> None:
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), path)


def cut(path) -> None:
    torch.save(load_network("vdsr", {"depth": 3, "features": 2}).state_dict(), path)
    path.write_bytes(path.read_bytes()[:-100])


def zipped(path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("esrgan/net.pth", b"x")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda p: p.touch(), "the file is empty"),
        (lambda p: p.write_text(POINTER), "pointer of Git LFS.*git lfs pull"),
        (lambda p: p.write_text("\n<!DOCTYPE html><title>Virus scan warning</title>"), "a web page"),
        (lambda p: p.write_text("<HTML>404"), "a web page"),
        (lambda p: p.write_bytes(b"\x1f\x8b\x08rest"), "a gzip archive; unpack"),
        (zipped, r"a zip archive of esrgan/net\.pth; unpack"),
        (cut, "the file is cut off"),
        (script, "a TorchScript program.*state_dict"),
        (lambda p: tar(p, ["sys_info", "pickle", "tensors", "storages"]), r"torch before 0\.1\.10"),
        (lambda p: tar(p, ["net.pth"]), r"a tar archive of net\.pth; unpack"),
        (lambda p: p.write_text("iteration,loss\n1,2\n"), "no known format; expected a file of torch"),
    ],
)
@pytest.mark.parametrize("name", ["net.pth", "net.pth.tar", "net.caffemodel", "net.safetensors"])
def test_what_it_is(make, said, name, tmp_path):
    path = tmp_path / name
    make(path)
    if "no known" in said and name == "net.caffemodel":
        said = "net.caffemodel"  # Caffe's files begin with nothing of their own
    with pytest.raises(WeightsError, match=said) as error:
        read_source(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
