"""VSR-DUF's filters, against a pixel-by-pixel reading of the paper."""

import pytest
import torch
from torch.nn import functional as F

from pipeline.superres.networks import load_network
from pipeline.superres.networks.vsr_duf import DebiasedBatchNorm3d, DynamicFilter

pytestmark = pytest.mark.numeric

SMALL = {"depth": 16, "units": 2, "growth": 4, "features": 8, "head": 8}


def rgb(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("start", ["he", "bilinear"])
def test_filters_sum_to_one(start):
    network = load_network("vsr_duf", SMALL | {"start": start}).eval()
    with torch.no_grad():
        filters, residual = network.filters_and_residual(rgb(2, 7, 3, 5, 6))
    assert filters.shape == (2, 25, 16, 5, 6)
    assert residual.shape == (2, 48, 5, 6)
    torch.testing.assert_close(filters.sum(1), torch.ones(2, 16, 5, 6))
    assert (filters >= 0).all()


@pytest.mark.parametrize("learned", [False, True])
def test_dynamic_filter_pixel_by_pixel(learned):
    frame, filters = rgb(1, 3, 4, 5), torch.softmax(rgb(1, 25, 16, 4, 5) * 3, 1)
    out = F.pixel_shuffle(DynamicFilter(learned)(frame, filters), 4)
    padded = F.pad(frame, (2, 2, 2, 2))
    for colour in range(3):
        for y in range(4):
            for x in range(5):
                window = padded[0, colour, y : y + 5, x : x + 5].reshape(25)
                for sub in range(16):
                    expected = (window * filters[0, :, sub, y, x]).sum()
                    torch.testing.assert_close(out[0, colour, 4 * y + sub // 4, 4 * x + sub % 4], expected)


def test_dynamic_filter_gradient():
    frame = rgb(1, 3, 3, 3).double().requires_grad_()
    filters = rgb(1, 25, 16, 3, 3).double().requires_grad_()
    assert torch.autograd.gradcheck(DynamicFilter(), (frame, filters), fast_mode=True)


def test_learned_expansion_is_a_set_of_filters_a_colour():
    expand = DynamicFilter(learned=True)
    assert expand.state_dict()["expansion_filter"].shape == (75, 1, 5, 5)
    with torch.no_grad():
        expand.expansion_filter[25:50] *= 2  # green
    frame, filters = rgb(1, 3, 4, 4), torch.softmax(rgb(1, 25, 16, 4, 4), 1)
    plain, doubled = DynamicFilter()(frame, filters), expand(frame, filters)
    gain = torch.tensor([1.0, 2.0, 1.0]).repeat_interleave(16)[None, :, None, None]
    torch.testing.assert_close(doubled, gain * plain)


def test_bilinear_start_enlarges_bilinearly():
    network = load_network("vsr_duf", SMALL | {"start": "bilinear"})
    with torch.no_grad():
        network.conv3d_f2.weight.zero_()
        lr = rgb(1, 7, 3, 8, 8)
        sr = network.eval()(lr)
    bilinear = F.interpolate(lr[:, 3], scale_factor=4, mode="bilinear", align_corners=False)
    inner = (..., slice(8, -8), slice(8, -8))
    assert (sr - bilinear)[inner].abs().max() < 0.03


def test_only_the_first_block_pads_time():
    network = load_network("vsr_duf", SMALL).eval()
    x = torch.randn(1, 8, 7, 4, 4)
    with torch.no_grad():
        kept = network.dense_block1(x)
        reduced = network.dense_block2(kept)
    assert kept.shape == (1, 16, 7, 4, 4)
    assert reduced.shape == (1, 28, 1, 4, 4)
    torch.testing.assert_close(reduced[:, :16, 0], kept[:, :, 3])  # the centre frame passes through


def test_epsilon_and_momentum_are_the_releases():
    network = load_network("vsr_duf", {"depth": 16})
    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm3d)]
    assert len(norms) == 2 * 6 + 1
    assert {(m.eps, m.momentum) for m in norms} == {(1e-3, 1e-3)}


def test_running_statistics_have_no_bias_of_their_start():
    norm = DebiasedBatchNorm3d(1, momentum=0.1)
    batches = [torch.randn(2, 1, 2, 3, 3, generator=torch.Generator().manual_seed(i)) + i for i in range(4)]
    for batch in batches:
        norm(batch)
    weights = torch.tensor([0.9**3, 0.9**2, 0.9, 1.0])
    expected = (weights * torch.stack([b.mean() for b in batches])).sum() / weights.sum()
    torch.testing.assert_close(norm.running_mean[0], expected)
    assert norm.momentum == 0.1


@pytest.mark.parametrize(
    ("depth", "units", "growth", "width"), [(16, 3, 32, 256), (28, 9, 16, 256), (52, 21, 16, 448)]
)
def test_published_depths(depth, units, growth, width):
    with torch.device("meta"):
        network = load_network("vsr_duf", {"depth": depth})
    assert len(network.dense_block1.dense_blocks) == units
    assert network.dense_block1.dense_blocks[0][5].out_channels == growth
    assert network.conv3d2.in_channels == width
