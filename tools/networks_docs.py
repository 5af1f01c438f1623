"""Generates docs/networks.md from the networks: ``python -m tools.networks_docs``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn

from pipeline.flow.flownet2 import NETWORKS as FLOW_NETWORKS
from pipeline.recognition.networks import load_backbone, load_clip_backbone, load_joint
from pipeline.superres.discriminators import load_discriminator
from pipeline.superres.features import VGG19
from pipeline.superres.networks import load_network

TARGET = Path(__file__).parent.parent / "docs" / "networks.md"
HEADER = """# Networks

Generated from the networks by `make docs`; a test checks that this page is up to date. "parameters" is the
number of trained parameters of the network with the arguments in the second column (empty: the default, which
is the published size). "published" is the number given by the paper or its release; empty: none was found.

The top of each file says which details follow the published implementation and what differs. With the same
weights, a network gives that implementation's output to 1e-5 (relative, float32): tests compare it with
outputs of the published code, at its published size (tests/golden; BasicVSR at a small size). The outputs for
ST-ResNet come from a transcription of its MATLAB code, which is weaker evidence. Two networks have no such
test: SPMC was published without its code, and nobody's output for EfficientNet-Lite0 is stored. BasicVSR,
EfficientNet-Lite0 and R(2+1)D-18 are not part of the paper. Two are not in the table: VideoMAE
(`recognition/networks/videomae.py`), which is that of the package `transformers`, and `network: spandrel`
(`superres/networks/spandrel.py`), which has the layers of its checkpoint ([own-sr.md](own-sr.md)).
"""


@dataclass(frozen=True)
class Row:
    """One network: how to build it, its source, and its published number of parameters."""

    name: str
    arguments: str
    make: Callable[[], nn.Module]
    paper: str
    published: str
    file: str


def _superres(name: str, title: str, paper: str, published: str, **arguments: Any) -> Row:
    make = functools.partial(load_network, name, arguments)
    return Row(title, _as_text(arguments), make, paper, published, f"superres/networks/{name}.py")


def _discriminator(name: str, title: str, paper: str) -> Row:
    make = functools.partial(load_discriminator, name, {})
    return Row(title, "", make, paper, "", f"superres/discriminators/{name}.py")


def _flow(name: str, title: str, published: str) -> Row:
    paper = "Ilg et al., CVPR 2017" if "2" in title else "Dosovitskiy et al., ICCV 2015"
    file = "flow/flownet2.py" if title.startswith("FlowNet2") else "flow/flownet_networks.py"
    return Row(title, "", FLOW_NETWORKS[name], paper, published, file)


def _backbone(name: str, title: str, paper: str, published: str, classes: int, channels: int = 3) -> Row:
    make = functools.partial(load_backbone, name, classes, channels, 0.0, {})
    arguments = _as_text({"classes": classes, **({"in_channels": channels} if channels != 3 else {})})
    return Row(title, arguments, make, paper, published, f"recognition/networks/{name}.py")


def _joint(classes: int) -> nn.Module:
    streams = [load_backbone("resnet50", classes, channels, 0.0, {}) for channels in (3, 20)]
    return load_joint("st_resnet", *streams, temporal_pool=True)


def _as_text(arguments: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in arguments.items())


ESRGAN = "Wang et al., ECCV workshops 2018 (ESRGAN)"
SRGAN = "Ledig et al., CVPR 2017 (SRGAN)"
DUF = "Jo et al., CVPR 2018"
TSN = "Ioffe and Szegedy, ICML 2015; Wang et al., ECCV 2016 (TSN)"
RESNET = "He et al., CVPR 2016"
ST_RESNET = "Feichtenhofer et al., NIPS 2016"

ROWS = (
    _superres("vdsr", "VDSR", "Kim et al., CVPR 2016", "0.665 M"),
    _superres("srresnet", "SRResNet", SRGAN, "1.5 M"),
    _superres("srresnet", "SRResNet, 5 blocks", SRGAN, "", blocks=5, bias=True, output="tanh"),
    _superres("rrdb", "RRDB", ESRGAN, "16.70 M"),
    _superres("rcan", "RCAN", "Zhang et al., ECCV 2018", "15.6 M"),
    _superres("vsr_duf", "VSR-DUF-16 (and ToSR)", DUF, "1.9 M", depth=16),
    _superres("vsr_duf", "VSR-DUF-28", DUF, "", depth=28),
    _superres("vsr_duf", "VSR-DUF-52", DUF, "5.8 M", depth=52),
    _superres("vsr_duf", "ToSR with its filters", DUF, "", depth=16, learned_expansion=True),
    _superres("spmc", "SPMC", "Tao et al., ICCV 2017", ""),
    _superres("basicvsr", "BasicVSR", "Chan et al., CVPR 2021", "6.3 M"),
    _discriminator("vgg128", "VGG-128, ESRGAN's discriminator", ESRGAN),
    _discriminator("srgan_discriminator", "SRGAN's discriminator", SRGAN),
    Row("VGG19 to conv5_4", "", VGG19, "Simonyan and Zisserman, ICLR 2015", "", "superres/features.py"),
    _flow("flownet2", "FlowNet2", "162,518,834"),
    _flow("flownet2_c", "FlowNetC", "39,175,298"),
    _flow("flownet2_s", "FlowNetS", "38.7 M"),
    _flow("flownet2_sd", "FlowNet2-SD", "45,371,666"),
    _flow("flownet2_cs", "FlowNet2-CS", ""),
    _flow("flownet2_css", "FlowNet2-CSS", ""),
    _backbone("bn_inception", "BN-Inception, ImageNet", TSN, "11.3 M", 1000),
    _backbone("bn_inception", "TSN's RGB stream, UCF101", TSN, "", 101),
    _backbone("bn_inception", "TSN's flow stream, UCF101", TSN, "", 101, 10),
    _backbone("resnet50", "ResNet-50, ImageNet", RESNET, "25.6 M", 1000),
    _backbone("resnet50", "ST-ResNet's appearance stream, UCF101", RESNET, "", 101),
    _backbone("resnet50", "ST-ResNet's motion stream, UCF101", RESNET, "", 101, 20),
    Row(
        "ST-ResNet, joint, UCF101",
        "classes=101",
        functools.partial(_joint, 101),
        ST_RESNET,
        "",
        "recognition/joint_networks/st_resnet.py",
    ),
    _backbone(
        "efficientnet_lite0", "EfficientNet-Lite0 (small runs)", "Tan and Le, ICML 2019", "4.7 M", 1000
    ),
    Row(
        "R(2+1)D-18, Kinetics-400",
        "classes=400",
        functools.partial(load_clip_backbone, "r2plus1d_18", 400, 16, 112, 0.0, {}),
        "Tran et al., CVPR 2018",
        "31,505,325",
        "recognition/networks/r2plus1d_18.py",
    ),
)


def count(make: Callable[[], nn.Module]) -> int:
    """Number of a network's trained parameters, built on the meta device, which costs no memory or time.

    Args:
        make: builds the network.
    """
    with torch.device("meta"):
        network = make()
    return sum(value.numel() for value in network.parameters() if value.requires_grad)


def networks_markdown() -> str:
    """The table of all networks."""
    table = pd.DataFrame(
        {
            "network": row.name,
            "arguments": f"`{row.arguments}`" if row.arguments else "",
            "paper": row.paper,
            "parameters": f"{count(row.make):,}",
            "published": row.published,
            "file": f"`{row.file}`",
        }
        for row in ROWS
    )
    return f"{HEADER}\n{table.to_markdown(index=False, disable_numparse=True)}\n"


if __name__ == "__main__":
    TARGET.write_text(networks_markdown())
