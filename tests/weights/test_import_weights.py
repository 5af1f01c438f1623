"""``import-weights`` from the command line, its record, and the splits that are refused."""

import hashlib
import json

import numpy as np
import pytest
import torch

from pipeline import config
from pipeline.cli import main
from pipeline.flow.flownet2 import NETWORKS as FLOW_NETWORKS
from pipeline.flow.flownet2 import load_flownet2
from pipeline.recognition.models import load_model as load_recognizer
from pipeline.recognition.networks import load_backbone, load_joint
from pipeline.recognition.protocols.st_resnet import STResNet
from pipeline.recognition.protocols.tsn import TSN
from pipeline.superres.features import load_features
from pipeline.superres.models import load_model
from pipeline.superres.networks import load_network
from pipeline.weights import WeightsError
from pipeline.weights.checkpoint import read_own
from pipeline.weights.provenance import check_split, named_split, recorded_split

VDSR = '{"depth": 3, "features": 4}'
TINY = '{"width": 0.125, "blocks": ["3a", "3c"]}'


def content(path) -> dict:
    return read_own(path)


def save_tsn(path, channels: int = 10, classes: int = 4) -> torch.nn.Module:
    network = load_backbone("bn_inception", classes, channels, 0.0, {"width": 0.125, "blocks": ["3a", "3c"]})
    torch.save({"state_dict": {f"module.base_model.{k}": v for k, v in network.state_dict().items()}}, path)
    return network.eval()


def test_an_sr_network(tmp_path, capsys):
    network = load_network("vdsr", {"depth": 3, "features": 4})
    source, out = tmp_path / "v.pth", tmp_path / "o.safetensors"
    torch.save({"epoch": 50, "model": network}, source)
    arguments = ["--network", "vdsr", "--args", VDSR, "--source", str(source), "--out", str(out)]
    assert main(["import-weights", *arguments]) == 0
    assert "v.pth (own names) -> " in capsys.readouterr().out
    made = content(out)
    assert (made["network"], made["args"]) == ("vdsr", {"depth": 3, "features": 4})
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    assert made["metadata"]["source"] == {"file": "v.pth", "sha256": digest, "family": "own names"}
    assert made["metadata"]["trained_on"] is None
    model = config.SRModel(network="vdsr", args={"depth": 3, "features": 4}, weights=out)
    lr = torch.rand(1, 3, 5, 6)
    # The published file and the imported one are the same to a run.
    assert torch.equal(load_model(model, out)(lr), load_model(model, source)(lr))


@pytest.mark.parametrize(("channels", "stream"), [(3, "spatial"), (10, "temporal")])
def test_a_stream_of_tsn(channels, stream, tmp_path):
    source, out = tmp_path / "tsn.pth.tar", tmp_path / "tsn.safetensors"
    network = save_tsn(source, channels)
    arguments = ["--network", "bn_inception", "--args", TINY, "--source", str(source), "--out", str(out)]
    assert main(["import-weights", *arguments, "--dataset", "hmdb51", "--split", "1"]) == 0
    metadata = content(out)["metadata"]
    assert (metadata["stream"], metadata["classes"]) == (stream, 4)
    assert metadata["trained_on"] == {"dataset": "hmdb51", "split": 1}
    part = TSN(protocol="tsn", args={"width": 0.125, "blocks": ["3a", "3c"]}).scored(stream)
    x = torch.rand(1, channels, 64, 64)
    with torch.no_grad():
        assert torch.equal(load_recognizer(out, part, 4).eval()(x), network(x))
        assert torch.equal(load_recognizer(source, part, 4).eval()(x), network(x))


def test_the_joint_network(tmp_path):
    args = {"depths": [1, 2, 1, 1], "width": 4}
    streams = [load_backbone("resnet50", 3, channels, 0.0, args) for channels in (3, 8)]
    joint = load_joint("st_resnet", *streams, temporal_pool=False).eval()
    source, out = tmp_path / "ucf101-joint-split2.pth", tmp_path / "joint.safetensors"
    torch.save(joint.state_dict(), source)
    files = ["--source", str(source), "--out", str(out)]
    assert main(["import-weights", "--network", "st_resnet", "--args", json.dumps(args), *files]) == 0
    metadata = content(out)["metadata"]
    assert (metadata["stream"], metadata["classes"]) == ("joint", 3)
    assert metadata["trained_on"] == {"dataset": "ucf101", "split": 2}  # as the file's name says
    spec = STResNet(protocol="st_resnet", args=args, flow_stack=4, temporal_pool=False)
    loaded = load_recognizer(out, spec.scored("joint"), 3).eval()
    frames, flow = torch.rand(1, 2, 3, 64, 64), torch.rand(1, 2, 8, 64, 64)
    with torch.no_grad():
        for found, expected in zip(loaded(frames, flow), joint(frames, flow), strict=True):
            assert torch.equal(found, expected)


@pytest.mark.slow
def test_a_part_of_flownet2(tmp_path):
    network = FLOW_NETWORKS["flownet2_s"]().eval()
    source, out = tmp_path / "FlowNet2-S_checkpoint.pth.tar", tmp_path / "s.safetensors"
    torch.save({"state_dict": network.state_dict(), "best_EPE": np.float64(1.5)}, source)
    files = ["--source", str(source), "--out", str(out)]
    assert main(["import-weights", "--network", "flownet2_s", *files]) == 0
    pair = 255 * torch.rand(1, 3, 2, 64, 64)
    with torch.no_grad():
        assert torch.equal(load_flownet2(out, "flownet2_s")(pair), network(pair))
    with pytest.raises(WeightsError, match=r"s\.safetensors holds flownet2_s, expected flownet2_c"):
        load_flownet2(out, "flownet2_c")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--network", "rcan"], "does not fit RCAN"),
        (["--network", "nothing"], "no 'nothing' among basicvsr"),
        (["--network", "vgg19", "--args", '{"depth": 3}'], "vgg19 takes no args"),
        (["--network", "resnet50"], "has no fc of resnet50"),
        (["--network", "vdsr", "--args", VDSR, "--dataset", "ucf101"], "split None: expected both"),
        (
            ["--network", "vdsr", "--args", VDSR, "--dataset", "kinetics", "--split", "1"],
            "one of ucf101, hmdb51",
        ),
    ],
)
def test_refusals(arguments, message, tmp_path, capsys):
    torch.save(load_network("vdsr", {"depth": 3, "features": 4}).state_dict(), tmp_path / "v.pth")
    files = ["--source", str(tmp_path / "v.pth"), "--out", str(tmp_path / "o.safetensors")]
    assert main(["import-weights", *arguments, *files]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "o.safetensors").exists()


def test_imported_weights_of_another_network_are_refused(tmp_path):
    torch.save(load_network("vdsr", {"depth": 3, "features": 4}).state_dict(), tmp_path / "v.pth")
    out = tmp_path / "o.safetensors"
    files = ["--source", str(tmp_path / "v.pth"), "--out", str(out)]
    assert main(["import-weights", "--network", "vdsr", "--args", VDSR, *files]) == 0
    with pytest.raises(WeightsError, match=r"o\.safetensors holds vdsr, expected vgg19"):
        load_features(config.FeatureNetwork(weights=out))
    with pytest.raises(WeightsError, match=r"o\.safetensors holds vdsr, expected flownet2"):
        load_flownet2(out)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ucf101_split_1_tsn_rgb_reference_bn_inception.caffemodel", ("ucf101", 1)),
        ("hmdb51-ST-ResNet50-final-split=3.mat", ("hmdb51", 3)),
        ("ucf101-img-resnet50-split2-dr0.mat", ("ucf101", 2)),
        ("UCF-101 split01.pth", ("ucf101", 1)),
        ("ucf101_bninception_rgb.pth", None),
        ("ucf101_split12.pth", None),
        ("kinetics_split1.pth", None),
    ],
)
def test_names_that_tell_the_split(name, expected, tmp_path):
    found = named_split(tmp_path / name)
    assert found == (expected and dict(zip(("dataset", "split"), expected, strict=True)))


def test_a_split_with_training_clips_is_refused(tmp_path):
    source, out = tmp_path / "ucf101_split_1_tsn_flow.pth", tmp_path / "o.safetensors"
    save_tsn(source)
    files = ["--source", str(source), "--out", str(out)]
    assert main(["import-weights", "--network", "bn_inception", "--args", TINY, *files]) == 0
    assert recorded_split(out) == {"dataset": "ucf101", "split": 1}
    # An import of an import, whose name tells nothing.
    files = ["--source", str(out), "--out", str(tmp_path / "again.safetensors")]
    assert main(["import-weights", "--network", "bn_inception", "--args", TINY, *files]) == 0
    assert recorded_split(tmp_path / "again.safetensors") == {"dataset": "ucf101", "split": 1}
    for path in (source, out):
        check_split(path, "ucf101", 1)
        check_split(path, "hmdb51", 2)
        with pytest.raises(WeightsError, match=r"was trained on split 1 of ucf101.* test clips of split 3"):
            check_split(path, "ucf101", 3)
