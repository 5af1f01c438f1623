"""The table of networks: in step with the networks, and these as large as published."""

from itertools import pairwise

import pytest
import torch

from tools.networks_docs import ROWS, TARGET, count, networks_markdown

COUNTS = {row.name: count(row.make) for row in ROWS}


def test_the_table_is_in_step():
    assert TARGET.read_text() == networks_markdown(), "run `make docs`"


@pytest.mark.parametrize(
    ("name", "published", "unit"),
    [
        ("VDSR", 0.665, 1e6),
        ("SRResNet", 1.5, 1e6),
        ("RRDB", 16.70, 1e6),
        ("RCAN", 15.6, 1e6),
        ("FlowNet2", 162.5, 1e6),
        ("VSR-DUF-16 (and ToSR)", 1.9, 1e6),
        ("VSR-DUF-28", 2_118_432, 1),
        ("VSR-DUF-52", 5.8, 1e6),
        ("BN-Inception, ImageNet", 11.3, 1e6),
        ("ResNet-50, ImageNet", 25_557_032, 1),
        ("FlowNetC", 39_175_298, 1),
        ("FlowNet2-SD", 45_371_666, 1),
    ],
)
def test_published_sizes(name, published, unit):
    digits = len(str(published).partition(".")[2])
    assert round(COUNTS[name] / unit, digits) == published


def conv(inputs: int, outputs: int, size: int, bias: bool = True) -> int:
    return inputs * outputs * size**2 + outputs * bias


def test_sizes_counted_by_hand():
    widths = [3, 64, 64, 128, 128, 256, 256, 256, 256, *[512] * 8]
    assert COUNTS["VGG19 to conv5_4"] == sum(conv(i, o, 3) for i, o in pairwise(widths))
    expected = conv(3, 64, 3)
    for step, (inputs, outputs) in enumerate([(3, 64), (64, 128), (128, 256), (256, 512), (512, 512)]):
        if step:
            expected += conv(inputs, outputs, 3, bias=False) + 2 * outputs
        expected += conv(outputs, outputs, 4, bias=False) + 2 * outputs
    assert COUNTS["VGG-128, ESRGAN's discriminator"] == expected + conv(512 * 16, 100, 1) + conv(100, 1, 1)
    pairs = [(64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 512), (512, 512)]
    expected = conv(3, 64, 3) + sum(conv(i, o, 3, bias=False) + 2 * o for i, o in pairs)
    assert COUNTS["SRGAN's discriminator"] == expected + conv(512 * 36, 1024, 1) + conv(1024, 1, 1)


def test_the_joint_network_is_two_streams_and_its_temporal_taps():
    streams = COUNTS["ST-ResNet's appearance stream, UCF101"] + COUNTS["ST-ResNet's motion stream, UCF101"]
    # Two further taps of both 1x1 convolutions (4w -> w, w -> 4w) of one unit a stage, in both networks.
    taps = 2 * sum(2 * 2 * 4 * width**2 for width in (64, 128, 256, 512))
    assert COUNTS["ST-ResNet, joint, UCF101"] == streams + taps


def test_a_stream_is_the_imagenet_network_with_its_own_ends():
    classes, channels = 1000 - 101, 20 - 3
    assert COUNTS["ResNet-50, ImageNet"] - COUNTS["ST-ResNet's appearance stream, UCF101"] == classes * 2049
    more = COUNTS["ST-ResNet's motion stream, UCF101"] - COUNTS["ST-ResNet's appearance stream, UCF101"]
    assert more == channels * 64 * 49
    assert COUNTS["TSN's flow stream, UCF101"] - COUNTS["TSN's RGB stream, UCF101"] == 7 * 64 * 49


def test_counting_takes_no_memory():
    made = []
    count(lambda: made.append(torch.nn.Linear(10**6, 10**6)) or made[0])
    assert made[0].weight.device.type == "meta"
