"""Losses against values computed by hand, and their gradients."""

import math

import pytest
import torch
from torch.nn import functional as F

from pipeline.superres.losses.adversarial import (
    relativistic_discriminator_loss,
    relativistic_generator_loss,
    standard_discriminator_loss,
    standard_generator_loss,
)
from pipeline.superres.losses.motion import motion_loss
from pipeline.superres.losses.pixel import flow_weight, huber, pixel_loss
from pipeline.superres.losses.warp import warp_loss

pytestmark = pytest.mark.numeric


def flow_of(u: list[float], v: list[float]) -> torch.Tensor:
    """One patch of one row."""
    return torch.tensor([u, v], dtype=torch.float32)[None, :, None]


def image(*values: float) -> torch.Tensor:
    return torch.tensor(values)[None, None, None]


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def bce(logit: float, real: bool) -> float:
    probability = 1 / (1 + math.exp(-logit))
    return -math.log(probability if real else 1 - probability)


@pytest.mark.parametrize(
    ("kind", "expected"), [("none", [1, 1, 1]), ("magnitude", [5, 0, 2]), ("squared_magnitude", [25, 0, 4])]
)
def test_flow_weight(kind, expected):
    weight = flow_weight(flow_of([3, 0, 0], [4, 0, -2]), kind)
    assert weight.shape == (1, 1, 1, 3)
    torch.testing.assert_close(weight.flatten(), torch.tensor(expected, dtype=torch.float32))


def test_flow_weight_with_mean_one_per_patch():
    moving = flow_of([3, 0, 0], [4, 0, -1])
    flow = torch.cat((moving, 10 * moving, torch.zeros_like(moving)))
    weight = flow_weight(flow, "magnitude", "mean")
    torch.testing.assert_close(weight[0].flatten(), torch.tensor([2.5, 0.0, 0.5]))
    torch.testing.assert_close(weight[1], weight[0])
    torch.testing.assert_close(weight[2], torch.ones_like(weight[2]))  # a still patch is not lost


def test_weighted_mse_by_hand():
    hr, sr = image(0.5, 0.2, 1.0), image(0.4, 0.2, 0.7)
    weight = flow_weight(flow_of([3, 1, 0], [4, 0, 2]), "squared_magnitude")
    expected = (25 * 0.01 + 1 * 0 + 4 * 0.09) / 3  # N is the number of pixels, not the sum of weights
    assert pixel_loss(sr, hr, "mse", weight=weight).item() == pytest.approx(expected, rel=1e-5)


def test_weight_applies_to_all_channels():
    hr, sr = random(2, 3, 4, 4), random(2, 3, 4, 4, seed=1)
    weight = random(2, 1, 4, 4, seed=2)
    expected = sum(float((weight[:, 0] * (hr[:, c] - sr[:, c]) ** 2).mean()) for c in range(3)) / 3
    assert pixel_loss(sr, hr, weight=weight).item() == pytest.approx(expected)
    assert pixel_loss(sr, hr, weight=torch.ones_like(weight)).item() == pytest.approx(
        F.mse_loss(sr, hr).item()
    )


def test_the_authors_map_is_the_squared_magnitude():
    """Both images times m = |flow|, then MSE, is weight m^2."""
    hr, sr, flow = random(1, 3, 5, 5), random(1, 3, 5, 5, seed=1), 3 * random(1, 2, 5, 5, seed=2)
    m = flow.norm(dim=1, keepdim=True)
    theirs = F.mse_loss(m * sr, m * hr)
    torch.testing.assert_close(pixel_loss(sr, hr, weight=flow_weight(flow, "squared_magnitude")), theirs)


def test_huber_by_hand():
    difference = torch.tensor([0.0, 0.005, -0.005, 0.01, 0.02, -0.5])
    expected = torch.tensor([0.0, 1.25e-5, 1.25e-5, 5e-5, 0.01 * (0.02 - 0.005), 0.01 * (0.5 - 0.005)])
    torch.testing.assert_close(huber(difference, torch.zeros(6), 0.01), expected)


def test_huber_is_vsr_dufs():
    """Their formula: q = min(|d|, delta); q^2 / 2 + delta * (|d| - q)."""
    sr, hr = random(4, 3, 5, 5), random(4, 3, 5, 5, seed=1)
    distance = (sr - hr).abs()
    q = distance.clamp(max=0.01)
    theirs = (0.5 * q**2 + 0.01 * (distance - q)).mean()
    torch.testing.assert_close(pixel_loss(sr, hr, "huber", 0.01), theirs)


def test_relativistic_losses_by_hand():
    real, fake = torch.tensor([[2.0], [0.0]]), torch.tensor([[-1.0], [2.0]])  # means 1 and 0.5
    discriminator = ((bce(1.5, True) + bce(-0.5, True)) / 2 + (bce(-2, False) + bce(1, False)) / 2) / 2
    generator = ((bce(1.5, False) + bce(-0.5, False)) / 2 + (bce(-2, True) + bce(1, True)) / 2) / 2
    assert relativistic_discriminator_loss(real, fake).item() == pytest.approx(discriminator, rel=1e-6)
    assert relativistic_generator_loss(real, fake).item() == pytest.approx(generator, rel=1e-6)


def test_generator_learns_through_fake_and_its_mean_only():
    real = torch.tensor([[2.0], [0.0]], requires_grad=True)
    fake = torch.tensor([[-1.0], [2.0]], requires_grad=True)
    relativistic_generator_loss(real, fake).backward()
    assert real.grad is None
    # d/df_i: 1/4 * (sigmoid(f_i - mean r) - 1) from its own term, and, through the mean of fake in the
    # two real terms, -1/8 * sum_j sigmoid(r_j - mean f).
    sigmoid = torch.sigmoid
    through_mean = -(sigmoid(torch.tensor(1.5)) + sigmoid(torch.tensor(-0.5))) / 8
    own = (sigmoid(torch.tensor([-2.0, 1.0])) - 1) / 4
    torch.testing.assert_close(fake.grad.flatten(), own + through_mean)


def test_discriminator_learns_through_both_means():
    real, fake = random(3, 1).requires_grad_(), random(3, 1, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(relativistic_discriminator_loss, (real, fake))


def test_detached_means_carry_no_gradient():
    """d/dr_i = (sigmoid(r_i - mean f) - 1) / 2B, and d/df_i = sigmoid(f_i - mean r) / 2B, with B = 2."""
    real = torch.tensor([[2.0], [0.0]], requires_grad=True)
    fake = torch.tensor([[-1.0], [2.0]], requires_grad=True)
    relativistic_discriminator_loss(real, fake, detached_means=True).backward()
    torch.testing.assert_close(real.grad.flatten(), (torch.sigmoid(torch.tensor([1.5, -0.5])) - 1) / 4)
    torch.testing.assert_close(fake.grad.flatten(), torch.sigmoid(torch.tensor([-2.0, 1.0])) / 4)


def test_standard_losses_by_hand():
    real, fake = torch.tensor([[2.0], [0.0]]), torch.tensor([[-1.0], [2.0]])
    assert standard_generator_loss(fake).item() == pytest.approx((bce(-1, True) + bce(2, True)) / 2)
    expected = (bce(2, True) + bce(0, True)) / 2 + (bce(-1, False) + bce(2, False)) / 2
    assert standard_discriminator_loss(real, fake).item() == pytest.approx(expected)


def test_warp_loss_is_zero_for_frames_that_follow_the_flow():
    """Frame t + 1 is frame t moved 2 pixels right, and the flow says so; at the border it repeats."""
    hr_t = random(1, 3, 6, 8)
    hr_t[..., 6:] = hr_t[..., 5:6]
    hr_t1 = hr_t.roll(2, 3)
    flow = torch.zeros(1, 2, 6, 8, dtype=torch.float64)
    flow[:, 0] = 2
    assert warp_loss(hr_t, hr_t1, hr_t, flow, outside="border").item() == pytest.approx(0, abs=1e-12)
    assert warp_loss(hr_t, hr_t1, hr_t, -flow, outside="border").item() > 1e-4


@pytest.mark.parametrize(
    ("outside", "warped"), [("border", [[0.6, 0.7, 0.7]] * 2), ("zeros", [[0.6, 0, 0], [0, 0, 0]])]
)
def test_warp_loss_terms_and_weights(outside, warped):
    """The flow looks one pixel to the right; zeros reach to the last row and column themselves."""
    sr_t, sr_t1, hr_t = (image(*values) for values in ([0.1, 0.2, 0.3], [0.5, 0.6, 0.7], [0.0, 0.4, 0.9]))
    sr_t, sr_t1, hr_t = (each.expand(1, 1, 2, 3) for each in (sr_t, sr_t1, hr_t))
    flow = torch.zeros(1, 2, 2, 3)
    flow[:, 0] = 1
    to_sr = sum((w - s) ** 2 for row in warped for w, s in zip(row, [0.1, 0.2, 0.3], strict=True)) / 6
    to_hr = sum((w - h) ** 2 for row in warped for w, h in zip(row, [0.0, 0.4, 0.9], strict=True)) / 6
    loss = warp_loss(sr_t, sr_t1, hr_t, flow, a=2.0, b=0.5, kind="mse", outside=outside)
    assert loss.item() == pytest.approx(2 * to_sr + 0.5 * to_hr, rel=1e-5)


@pytest.mark.parametrize("kind", ["mse", "l1", "huber"])
def test_pixel_loss_gradient(kind):
    sr, hr = random(2, 3, 3, 3).requires_grad_(), random(2, 3, 3, 3, seed=1)
    weight = random(2, 1, 3, 3, seed=2)
    assert torch.autograd.gradcheck(lambda x: pixel_loss(x, hr, kind, 0.1, weight), (sr,))


def test_warp_loss_gradient():
    sr_t, sr_t1 = random(1, 3, 4, 4).requires_grad_(), random(1, 3, 4, 4, seed=1).requires_grad_()
    hr_t, flow = random(1, 3, 4, 4, seed=2), random(1, 2, 4, 4, seed=3)
    assert torch.autograd.gradcheck(lambda a, b: warp_loss(a, b, hr_t, flow, kind="mse"), (sr_t, sr_t1))


def test_exceptions():
    sr = random(1, 3, 4, 4)
    with pytest.raises(ValueError, match="differ in shape"):
        pixel_loss(sr, sr[:, :1])
    with pytest.raises(ValueError, match="pixel loss 'l2'"):
        pixel_loss(sr, sr, "l2")
    with pytest.raises(ValueError, match="flow weight 'speed'"):
        flow_weight(sr[:, :2], "speed")
    with pytest.raises(ValueError, match="normalise 'sum'"):
        flow_weight(sr[:, :2], "magnitude", "sum")


def test_motion_loss_by_hand():
    # Two rows of three pixels; the neighbour before is the centre moved by one to the right.
    centre = torch.tensor([[1.0, 3.0, 6.0], [2.0, 2.0, 2.0]])
    before = torch.tensor([[1.0, 1.0, 3.0], [2.0, 2.0, 2.0]])
    after = centre + 0.5
    frames = torch.stack((before, centre, after))[None, :, None]  # (1, 3, 1, 2, 3)
    flows = torch.zeros(1, 3, 2, 2, 3)
    flows[0, 0, 0] = -1.0  # pixel x of the frame before is seen at x - 1 of the centre
    flows[0, 1] = 7.0  # the centre's own flow is not read
    flows[0, 2, 1, 0] = 0.25  # looks a quarter of a row down, in the first row
    warped = torch.tensor([[1.25, 2.75, 5.0], [2.0, 2.0, 2.0]])
    error = float((warped - after).abs().mean())
    variation = 0.25 * 3 / 6  # v differs between the two rows in 3 of 6 places, u nowhere; nothing along x
    assert float(motion_loss(frames, flows, 0.1)) == pytest.approx(error + 0.1 * variation)
    assert float(motion_loss(frames, flows, 0.0)) == pytest.approx(error)
    with pytest.raises(ValueError, match=r"got \(1, 3, 1, 2, 3\) and \(1, 3, 2, 2, 2\)"):
        motion_loss(frames, flows[..., :2])
