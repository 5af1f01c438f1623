"""The published sizes and names of the backbones, cross-modality initialisation, ST-ResNet's joining."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pipeline.recognition.backbone import cross_modality
from pipeline.recognition.joint_networks.st_resnet import STResNet, TemporalPointwise
from pipeline.recognition.networks import NetworkError, load_backbone
from pipeline.recognition.networks.efficientnet_lite0 import SameConv2d

pytestmark = pytest.mark.numeric

SMALL = {
    "bn_inception": {"width": 0.125, "blocks": ["3a", "3c", "5b"]},
    "resnet50": {"depths": [1, 2, 1, 1], "width": 8},
    "efficientnet_lite0": {},
}


@pytest.mark.parametrize(
    ("network", "parameters", "key"),
    [
        ("bn_inception", 11_295_240, "inception_3a_double_3x3_reduce_bn.running_var"),
        ("resnet50", 25_557_032, "layer3.5.conv3.weight"),
        ("efficientnet_lite0", 4_652_008, "_blocks.15._project_conv.weight"),
    ],
)
def test_published_size(network, parameters, key):
    backbone = load_backbone(network, 1000, 3, 0.0, {})
    assert sum(parameter.numel() for parameter in backbone.parameters()) == parameters
    assert key in backbone.state_dict()
    with torch.inference_mode():
        backbone.eval()
        features = backbone.features(torch.zeros(1, 3, 224, 224))
    assert features.shape[-2:] == (7, 7)


@pytest.mark.parametrize("network", SMALL)
def test_small_network_on_flow_and_its_round_trip(network):
    backbone = load_backbone(network, 4, 10, 0.5, SMALL[network]).eval()
    other = load_backbone(network, 4, 10, 0.5, SMALL[network]).eval()
    other.load_state_dict(backbone.state_dict())
    x = torch.randn(2, 10, 64, 64)
    with torch.inference_mode():
        assert backbone(x).shape == (2, 4)
        assert torch.equal(backbone(x), other(x))


def test_bn_inception_pools_as_caffe():
    # Ceil mode without padding: 64 -> 32 (convolution) -> 16 -> 8 -> 4 (block 3c); rounding down: 15, 7, 3.
    backbone = load_backbone("bn_inception", 4, 3, 0.0, SMALL["bn_inception"]).eval()
    with torch.inference_mode():
        assert backbone.features(torch.zeros(1, 3, 64, 96)).shape[-2:] == (4, 6)
        with pytest.raises(ValueError, match=r"cannot halve 9x9; give a multiple of 32"):
            backbone.features(torch.zeros(1, 3, 75, 75))


def test_head_averages_over_positions_of_its_7x7_window():
    backbone = load_backbone("resnet50", 5, 3, 0.0, SMALL["resnet50"]).eval()
    features = torch.randn(2, 256, 8, 11)
    with torch.inference_mode():
        dense = F.conv2d(F.avg_pool2d(features, 7, 1), backbone.fc.weight[..., None, None], backbone.fc.bias)
        torch.testing.assert_close(backbone.head(features), dense.mean((-2, -1)))


def test_same_padding_puts_the_odd_pixel_last():
    layer = SameConv2d(1, 1, 3, stride=2)
    nn.init.ones_(layer.weight)
    # Even size: nothing before, one after. Odd size: one on both sides.
    with torch.inference_mode():
        assert layer(torch.ones(1, 1, 4, 4)).flatten().tolist() == [9, 6, 6, 4]
        assert layer(torch.ones(1, 1, 3, 3)).flatten().tolist() == [4, 4, 4, 4]


def test_cross_modality_repeats_the_mean_kernel():
    state = {"conv.weight": torch.randn(4, 3, 7, 7), "other": torch.ones(1)}
    crossed = cross_modality(state, "conv.weight", 10)
    assert crossed["conv.weight"].shape == (4, 10, 7, 7)
    # A stack of ten equal fields f is seen as ten times the response to the grey image f.
    field = torch.randn(1, 1, 9, 9)
    ten = F.conv2d(field.expand(1, 10, 9, 9), crossed["conv.weight"])
    grey = F.conv2d(field.expand(1, 3, 9, 9), state["conv.weight"])
    torch.testing.assert_close(ten, grey * 10 / 3, rtol=1e-4, atol=1e-4)
    assert state["conv.weight"].shape[1] == 3


def test_load_backbone_from_a_module_and_its_errors():
    backbone = load_backbone("pipeline.recognition.networks.resnet50:ResNet50", 4, 3, 0.0, SMALL["resnet50"])
    assert type(backbone).__name__ == "ResNet50"
    with pytest.raises(NetworkError, match=r"no 'resnet51' among .*resnet50"):
        load_backbone("resnet51", 4, 3, 0.0, {})
    with pytest.raises(NetworkError, match=r"does not take args \['depth'\]"):
        load_backbone("resnet50", 4, 3, 0.0, {"depth": 3})
    with pytest.raises(NetworkError, match="STResNet does not extend Backbone"):
        load_backbone("pipeline.recognition.joint_networks.st_resnet:STResNet", 4, 3, 0.0, {})


def test_temporal_convolution_of_a_still_clip_is_the_frame_wise_one():
    layer = nn.Conv2d(6, 5, 1, bias=False)
    temporal = TemporalPointwise(layer)
    temporal.frames = 7
    frame = torch.randn(2, 6, 4, 3)
    with torch.inference_mode():
        still = frame[:, None].expand(2, 7, 6, 4, 3)
        out = temporal(still.flatten(0, 1)).unflatten(0, (2, 7))
        expected = layer(frame)
        for time in range(1, 6):
            torch.testing.assert_close(out[:, time], expected, rtol=1e-4, atol=1e-5)
        # Beyond the ends there is nothing: two of three taps.
        torch.testing.assert_close(out[:, 0], expected * 2 / 3, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(out[:, 6], expected * 2 / 3, rtol=1e-4, atol=1e-5)


def joint(network: str, args: dict, temporal_pool: bool = False) -> STResNet:
    torch.manual_seed(0)
    streams = [load_backbone(network, 4, channels, 0.0, args) for channels in (3, 8)]
    for module in (module for stream in streams for module in stream.modules()):
        if isinstance(module, nn.BatchNorm2d):  # so that no path is an identity by accident
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.3, 0.3)
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight)
    return STResNet(*streams, temporal_pool=temporal_pool).eval()


def still(network: STResNet) -> None:
    """Turn every temporal convolution back into the 1x1 convolution that a still, endless clip sees."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, TemporalPointwise):
                kernel = child.weight.sum(2, keepdim=True)
                layer = nn.Conv2d(kernel.shape[1], kernel.shape[0], 1, bias=False)
                layer.weight.data = kernel.detach()
                setattr(module, name, layer)


def test_motion_enters_the_residual_branch_of_the_second_unit():
    network = joint("resnet50", {"depths": [2, 3], "width": 8})
    still(network)
    frames, flow = torch.randn(2, 3, 3, 64, 64), torch.randn(2, 3, 8, 64, 64)
    with torch.inference_mode():
        appearance, motion = network(frames, flow)
        a, m = network.appearance.stem(frames.flatten(0, 1)), network.motion.stem(flow.flatten(0, 1))
        for layer, depth in (("layer1", 2), ("layer2", 3)):
            first, second, *rest = getattr(network.appearance, layer)
            units_m = getattr(network.motion, layer)
            m = units_m[0](m)
            x_a = first.shortcut(a) + first.residual(a)
            a = F.relu(F.relu(x_a) + second.residual(x_a + m))
            for unit in rest:
                a = unit(a)
            for unit in list(units_m)[1:]:
                m = unit(m)
            assert len(units_m) == depth
        expected_a = network.appearance.head(a).unflatten(0, (2, 3)).mean(1)
        expected_m = network.motion.head(m).unflatten(0, (2, 3)).mean(1)
    torch.testing.assert_close(appearance, expected_a, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(motion, expected_m, rtol=1e-4, atol=1e-4)


def test_temporal_convolutions_are_the_second_units_pointwise_ones():
    network = joint("resnet50", {"depths": [3, 2, 2, 2], "width": 8})
    found = {name for name, m in network.appearance.named_modules() if isinstance(m, TemporalPointwise)}
    assert found == {f"layer{stage}.1.conv{conv}" for stage in (1, 2, 3, 4) for conv in (1, 3)}


@pytest.mark.parametrize(("network", "args"), [("resnet50", SMALL["resnet50"]), ("efficientnet_lite0", {})])
def test_joint_network_of_both_kinds_of_units(network, args):
    model = joint(network, args)
    frames, flow = torch.randn(1, 4, 3, 64, 64), torch.randn(1, 4, 8, 64, 64)
    with torch.inference_mode():
        appearance, motion = model(frames, flow)
        other_appearance, other_motion = model(frames, flow + 1)
    assert appearance.shape == motion.shape == (1, 4)
    assert not torch.allclose(appearance, other_appearance)  # motion reaches appearance
    assert not torch.allclose(motion, other_motion)
    with torch.inference_mode():
        _, same_motion = model(frames + 1, flow)
    assert torch.equal(motion, same_motion)  # appearance does not reach motion


@pytest.mark.parametrize("pool", [False, True])
def test_clips_of_a_batch_are_independent(pool):
    """Also where a frame has several places of the 7x7 window (the network of one clip: tests/golden)."""
    model = joint("resnet50", {"depths": [1, 2, 1, 1], "width": 4}, temporal_pool=pool)
    frames, flow = torch.randn(2, 7, 3, 224, 256), torch.randn(2, 7, 8, 224, 256)
    with torch.inference_mode():
        both = model(frames, flow)
        alone = [model(frames[i : i + 1], flow[i : i + 1]) for i in (0, 1)]
    for stream, scores in enumerate(both):
        expected = torch.cat([each[stream] for each in alone])
        torch.testing.assert_close(scores, expected, rtol=1e-4, atol=1e-4)
        assert not torch.allclose(scores[0], scores[1], rtol=1e-2)


def test_temporal_pool_takes_the_maximum_over_five_frames():
    network = joint("resnet50", SMALL["resnet50"], temporal_pool=True)
    features = torch.randn(2 * 11, 6, 2, 3)
    pooled = network._pool_time(features, 11).unflatten(0, (2, 4))
    clips = features.unflatten(0, (2, 11))
    for index in range(4):
        torch.testing.assert_close(pooled[:, index], clips[:, 2 * index : 2 * index + 5].amax(1))


def test_networks_without_residual_units_are_refused():
    streams = [load_backbone("bn_inception", 4, 3, 0.0, SMALL["bn_inception"]) for _ in range(2)]
    with pytest.raises(ValueError, match="BNInception lacks; use resnet50"):
        STResNet(*streams, temporal_pool=False)


@pytest.mark.parametrize(("args", "share"), [({}, 0.01), ({"momentum": 0.1}, 0.1)])
def test_running_statistics_of_efficientnet_follow_at_the_rate_asked_for(args, share):
    network = load_backbone("efficientnet_lite0", 4, 3, 0.0, args).train()
    x = torch.randn(2, 3, 32, 32)
    mean = network._conv_stem(x).mean((0, 2, 3))
    network(x)
    torch.testing.assert_close(network._bn0.running_mean, share * mean)
