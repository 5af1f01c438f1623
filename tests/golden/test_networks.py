"""Networks and readers of weights against outputs of the published implementations (README.md beside this).

Each checkpoint is written as its authors' code writes it and read as a run does. The files ``stresnet_*``
are weaker evidence than the others: no MATLAB was at hand, so they are a transcription of the authors' files,
and a misreading shared with this project would not show.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.flow.flownet2 import NETWORKS as FLOW_NETWORKS
from pipeline.recognition.networks import load_backbone, load_joint
from pipeline.superres.discriminators import load_discriminator
from pipeline.superres.features import VGG19
from pipeline.superres.networks import load_network, network_names
from pipeline.weights import WeightsError
from pipeline.weights.published import load_published
from tests.golden.reading import FOLDER, arrays, difference, draws, facts, inputs, stored_part, weights
from tests.weights.writing import write_checkpoint, write_h5, write_mat

pytestmark = pytest.mark.numeric

State = Mapping[str, Tensor]


class Published(nn.Module):
    """Stands for a class of a release, whose whole module lies in its checkpoint."""


def as_module(state: State) -> nn.Module:
    """A module with these parameters."""
    root = Published()
    for key, value in state.items():
        owner = root
        *path, last = key.split(".")
        for part in path:
            if part not in owner._modules:
                owner.add_module(part, Published())
            owner = owner._modules[part]
        owner.register_parameter(last, nn.Parameter(value))
    return root


def with_prefix(state: State, prefix: str = "module.") -> dict[str, Tensor]:
    return {f"{prefix}{key}": value for key, value in state.items()}


def params(state: State) -> dict[str, Any]:
    return {"params": state}


def flownet(state: State) -> dict[str, Any]:
    return {"arch": "FlowNet2", "epoch": 1, "state_dict": state, "best_EPE": np.float64(1.5)}


def lornatang(state: State) -> dict[str, Any]:
    return {"epoch": 9, "state_dict": state, "optimizer": {"param_groups": []}}


def tsn(state: State) -> dict[str, Any]:
    return {"epoch": 45, "arch": "BNInception", "state_dict": with_prefix(state), "best_prec1": 85.0}


def with_classifier(state: State) -> dict[str, Tensor]:
    return {**state, "classifier.0.weight": torch.zeros(4, 4), "classifier.0.bias": torch.zeros(4)}


def on_255(network: nn.Module, x: Tensor) -> Tensor:
    return 255 * network(x / 255)


def added(network: nn.Module, luma: Tensor) -> Tensor:
    return luma + network.residual(luma)


def consensus(network: nn.Module, x: Tensor) -> Tensor:
    return network(x.unflatten(1, (2, -1))[0]).mean(0, keepdim=True)


def channels_last(network: nn.Module, frames: Tensor) -> Tensor:
    return network(frames.permute(0, 1, 4, 2, 3)).permute(0, 2, 3, 1)[:, None]


@dataclass(frozen=True)
class Case:
    """How a network's checkpoint is written, and how its call relates to the published one."""

    wrap: Callable[[State], Any] = dict
    call: Callable[[nn.Module, Tensor], Tensor] = nn.Module.__call__
    file: str = "weights.pth"
    write: Callable[[dict[str, np.ndarray], Path], None] | None = None  # other than by torch
    slow: bool = False


def official(depth: int, slow: bool = False) -> Case:
    return Case(params, file=f"DUF_x4_{depth}L_official-0.pth", slow=slow)


def tensorflow(depth: int, slow: bool = False) -> Case:
    return Case(call=channels_last, file=f"params_{depth}L_x4.h5", write=write_h5, slow=slow)


CASES = {
    "basicsr_duf16_official": official(16),
    "basicsr_duf28_official": official(28, slow=True),
    "basicsr_duf52_official": official(52, slow=True),
    "basicsr_rcan_tiny": Case(params),
    "basicsr_rrdb1": Case(params),
    "basicsr_rrdb23": Case(params, slow=True),
    "basicsr_vgg128_train": Case(params, slow=True),
    "basicsr_vgg19_conv5_4": Case(with_classifier, slow=True),
    "basicvsr_tiny": Case(params),
    "cadene_bn_inception": Case(slow=True),
    "esrgan_rrdb2_old_names": Case(),
    "esrgan_rrdb23_old_names": Case(slow=True),
    **{name: Case(flownet, slow=True) for name in FLOW_NETWORKS},
    "leftthomas_srgan_g": Case(),
    "lornatang_discriminator": Case(lornatang, slow=True),
    "lornatang_srresnet": Case(lornatang),
    "rcan_full": Case(call=on_255, slow=True),
    "rcan_tiny": Case(call=on_255),
    "stresnet_flow_stream": Case(file="ucf101-resnet50-split1.mat", write=write_mat, slow=True),
    "torchvision_resnet50": Case(slow=True),
    "tosr_learned_expansion": Case(
        call=channels_last, file="VSR-DUF.model-171681.index", write=write_checkpoint
    ),
    "tsn_pytorch_flow": Case(tsn, consensus, slow=True),
    "tsn_pytorch_rgb": Case(tsn, consensus, slow=True),
    "vdsr": Case(lambda state: {"epoch": 50, "model": as_module(state)}, added),
    "vsrduf16_tensorflow": tensorflow(16),
    "vsrduf28_tensorflow": tensorflow(28, slow=True),
    "vsrduf52_tensorflow": tensorflow(52, slow=True),
}
"""But ``stresnet_joint``, which has two inputs and two outputs."""


def as_torch(values: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    return {key: torch.from_numpy(value) for key, value in values.items()}


def build(name: str) -> nn.Module:
    """The product's network, by the golden's description."""
    about = facts(name)["product"]
    network, args = about["network"], about["args"]
    if network in FLOW_NETWORKS:
        return FLOW_NETWORKS[network]()
    if network == "vgg19":
        return VGG19()
    if "classes" in about:
        return load_backbone(network, about["classes"], about["channels"], 0.0, args)
    load = load_network if network in network_names() else load_discriminator
    return load(network, args)


def imported(name: str, folder: Path) -> nn.Module:
    """The network with the golden's weights, out of a file such as its authors'."""
    case, values = CASES[name], weights(name)
    path = folder / case.file
    if case.write is None:
        torch.save(case.wrap(as_torch(values)), path)
    else:
        case.write(values, path)
    network = build(name)
    load_published(network, path, ignore=("classifier.",) if name == "basicsr_vgg19_conv5_4" else ())
    path.unlink()
    return network.train(facts(name)["mode"] == "train")


def check(name: str, network: nn.Module, call: Callable[[nn.Module, Tensor], Tensor]) -> None:
    """The network's output in float64 and in float32, within the golden's tolerances of it."""
    x, expected = torch.from_numpy(inputs(name)), arrays(name)["output"]
    for kind in ("float32", "float64"):
        dtype = getattr(torch, kind)
        with torch.no_grad():
            found = call(network.to(dtype), x.to(dtype))
        assert list(found.shape) == facts(name)["output"]["shape"]
        error = difference(stored_part(name, found.numpy()), expected)
        assert error <= facts(name)["tolerance"][kind], kind


def test_every_network_has_its_case():
    networks = {path.stem for path in FOLDER.glob("*.json") if "tensors" in facts(path.stem)}
    assert networks == {*CASES, "stresnet_joint"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if case.slow else ())
        for name, case in CASES.items()
        if name != "basicsr_vgg128_train"
    ],
)
def test_network(name, tmp_path):
    check(name, imported(name, tmp_path), CASES[name].call)


def test_tosr_of_the_next_frame(tmp_path):
    """The other half of the siamese pair: the same weights on frames t + 1."""
    name = "tosr_learned_expansion"
    frames = draws(facts(name)["seed"], 1000001).integers(0, 257, facts(name)["input"]["shape"]) / 256
    with torch.no_grad():
        found = channels_last(imported(name, tmp_path), torch.from_numpy(frames).float())
    error = difference(found.numpy(), arrays(name)["output2"])
    assert error <= facts(name)["tolerance"]["float32"]


@pytest.mark.slow
def test_discriminator_in_training(tmp_path):
    """Batch statistics, and the running statistics that one pass leaves."""
    name = "basicsr_vgg128_train"
    network, expected = imported(name, tmp_path).double(), arrays(name)
    start = {key: value.clone() for key, value in network.state_dict().items()}
    with torch.no_grad():
        network(torch.from_numpy(inputs(name)).double())
    after = {key.removeprefix("after_"): value for key, value in expected.items() if "after_" in key}
    assert len(after) == 4
    for key, value in after.items():
        assert difference(network.state_dict()[key].numpy(), value) <= facts(name)["tolerance"]["float64"]
    network.load_state_dict(start)
    check(name, network.float(), nn.Module.__call__)


@pytest.mark.slow
def test_joint_network(tmp_path):
    """ST-ResNet, stage 1 in float32, stage 2 in float64; weaker evidence than the rest (top of this file)."""
    name = "stresnet_joint"
    about, expected = facts(name), arrays(name)
    path = tmp_path / "ucf101-ST-ResNet50-final-split=1.mat"
    write_mat(weights(name), path)
    args, classes = about["product"]["args"], about["product"]["classes"]
    streams = [load_backbone("resnet50", classes, channels, 0.0, args) for channels in (3, 20)]
    network = load_joint("st_resnet", *streams, temporal_pool=False).eval()
    load_published(network, path)
    seen = [torch.from_numpy(inputs(name, key))[None] for key in ("input", "input_flow")]
    for prefix, count, kind in (("", 5, "float32"), ("pooled_", 7, "float64")):
        network.temporal_pool = bool(prefix)
        network.to(getattr(torch, kind))
        with torch.no_grad():
            scores = network(*(x[:, :count].to(getattr(torch, kind)) for x in seen))
        for stream, found in zip(("appearance", "motion"), scores, strict=True):
            error = difference(found.numpy(), expected[f"{prefix}{stream}"])
            assert error <= about["tolerance"][kind], f"{prefix}{stream}"


def assert_alike(name: str, content: object, path: Path, **saving: Any) -> None:
    """A file of other names or wrapping gives the weights that the golden's own file gives."""
    expected = imported(name, path.parent).state_dict()
    torch.save(content, path, **saving)
    network = build(name)
    load_published(network, path)
    assert all(torch.equal(value, expected[key]) for key, value in network.state_dict().items())


@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: s,
        params,
        lambda s: {"params_ema": s, "params": {key: value + 1 for key, value in s.items()}},
        lambda s: {"epoch": 3, "state_dict": with_prefix(s)},
        lambda s: {"model": {"state_dict": s}},
    ],
    ids=["bare", "params", "params_ema first", "state_dict and module.", "nested"],
)
@pytest.mark.parametrize(
    ("name", "names"),
    [("esrgan_rrdb2_old_names", None), ("esrgan_rrdb2_old_names", "middle_names"), ("basicsr_rrdb1", None)],
    ids=["old", "middle", "new"],
)
def test_names_and_wrappings_of_esrgan(name, names, wrap, tmp_path):
    state = as_torch(weights(name))
    if names:
        state = dict(zip(facts(name)[names], state.values(), strict=True))
    assert_alike(name, wrap(state), tmp_path / "esrgan.pth")


@pytest.mark.parametrize("prefix", ["module.", "model."])
def test_prefixes_of_rcan(prefix, tmp_path):
    """EDSR's descendants save a model inside of a model."""
    state = with_prefix(as_torch(weights("rcan_tiny")), prefix)
    assert_alike("rcan_tiny", state, tmp_path / "RCAN_BIX4.pt")


def test_basicsrs_rcan_needs_the_mean_colour(tmp_path):
    """It is a constant of BasicSR's class: without it the same weights give other colours."""
    torch.save(params(as_torch(weights("basicsr_rcan_tiny"))), tmp_path / "RCAN_Mx4.pth")
    args = facts("basicsr_rcan_tiny")["product"]["args"]
    with pytest.raises(
        WeightsError, match=r"RCAN_Mx4\.pth holds BasicSR's RCAN.* leave mean_shift: false out"
    ):
        load_published(load_network("rcan", args | {"mean_shift": False}), tmp_path / "RCAN_Mx4.pth")
    with pytest.raises(WeightsError, match=r"does not fit VDSR: .* unexpected: conv_first\.weight"):
        load_published(load_network("vdsr", {}), tmp_path / "RCAN_Mx4.pth")


def test_the_earlier_spelling_of_lornatang(tmp_path):
    state = {
        key.replace("conv", "conv_block", 1) if key.startswith("conv") else key: value
        for key, value in as_torch(weights("lornatang_srresnet")).items()
    }
    assert_alike("lornatang_srresnet", lornatang(state), tmp_path / "SRGAN_x4.pth.tar")


@pytest.mark.parametrize("kind", ["state dict", "parallel module", "older container"])
def test_files_of_vdsr(kind, tmp_path):
    state = as_torch(weights("vdsr"))
    content = state if kind == "state dict" else {"epoch": 50, "model": as_module(state)}
    if kind == "parallel module":
        content["model"] = nn.DataParallel(content["model"])
    path = tmp_path / "model_epoch_50.pth"
    assert_alike("vdsr", content, path, _use_new_zipfile_serialization=kind != "older container")
