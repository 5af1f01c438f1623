"""SPMC's splat, motion and fusion."""

import pytest
import torch

from pipeline.superres.losses.motion import motion_loss
from pipeline.superres.networks import load_network
from pipeline.superres.networks.spmc import MotionEstimation, splat

pytestmark = pytest.mark.numeric

SMALL = {"features": 4, "motion_features": 4}


def luma(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def test_splat_without_motion_fills_every_fourth_pixel():
    image = luma(2, 1, 3, 5)
    hr = splat(image, torch.zeros(2, 2, 3, 5))
    torch.testing.assert_close(hr[..., ::4, ::4], image)
    assert hr.sum() == pytest.approx(float(image.sum()), rel=1e-6)


def test_splat_by_hand():
    # One LR row of two pixels, 10 and 20. The first moves by (0.4, 0.1): HR (1.6, 0.4). The second
    # moves by (-0.6, 0.1): also HR (4 * 0.4, 0.4) = (1.6, 0.4). Both share the same four pixels.
    image = torch.tensor([[[[10.0, 20.0]]]])
    flow = torch.tensor([[[[0.4, -0.6]], [[0.1, 0.1]]]])
    hr = splat(image, flow)
    expected = torch.zeros(1, 1, 4, 8)
    expected[0, 0, 0, 1] = 30 * 0.4 * 0.6
    expected[0, 0, 0, 2] = 30 * 0.6 * 0.6
    expected[0, 0, 1, 1] = 30 * 0.4 * 0.4
    expected[0, 0, 1, 2] = 30 * 0.6 * 0.4
    torch.testing.assert_close(hr, expected, atol=1e-5, rtol=0)


def test_splat_drops_what_leaves_the_frame():
    image = torch.ones(1, 1, 2, 2)
    gone = torch.full((1, 2, 2, 2), -3.0)
    assert splat(image, gone).abs().sum() == 0
    half = torch.zeros(1, 2, 2, 2)
    half[:, 0] = -0.125  # half an HR pixel to the left: the left column loses half of itself
    assert float(splat(image, half).sum()) == pytest.approx(2 * 0.5 + 2)


def test_splat_repeats_exactly():
    image, flow = luma(1, 1, 40, 40), 9 * luma(1, 2, 40, 40)
    assert torch.equal(splat(image, flow), splat(image, flow))


def test_splat_gradient():
    image = luma(1, 2, 3, 3).double().requires_grad_()
    flow = (luma(1, 2, 3, 3).double() * 0.2 + 0.01).requires_grad_()  # away from whole HR pixels
    assert torch.autograd.gradcheck(splat, (image, flow))


def test_motion_starts_near_zero_and_is_bounded():
    torch.manual_seed(0)
    motion = MotionEstimation(features=4, gain=2.0)
    source, target = luma(2, 1, 18, 13), luma(2, 1, 18, 13).flip(3)
    with torch.no_grad():
        flow = motion(source, target)
        assert flow.shape == (2, 2, 18, 13)
        assert flow.abs().max() < 0.1
        for tower in (motion.coarse, motion.fine):
            tower[-1].bias.fill_(100.0)
        torch.testing.assert_close(motion(source, target), torch.full((2, 2, 18, 13), 4.0))


def test_motion_loss_teaches_a_shift():
    torch.manual_seed(0)
    network = load_network("spmc", {"features": 2, "motion_features": 16, "gain": 4.0})
    # A smooth texture that moves one pixel a frame to the right.
    x = torch.arange(24.0)
    wave = 0.5 + 0.25 * (torch.sin(x / 2)[None, :] + torch.sin(x / 2.5)[:, None])
    frames = torch.stack([wave.roll(shift, 1) for shift in (-1, 0, 1)])[..., 2:-2]
    lr = frames[None, :, None].expand(1, 3, 3, 24, 20)
    optimiser = torch.optim.Adam(network.motion.parameters(), 3e-3)
    y = lr[:, :, :1]
    first = motion_loss(y, network.flows(y)).item()
    for _ in range(120):
        optimiser.zero_grad()
        loss = motion_loss(y, network.flows(y))
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.5 * first
    with torch.no_grad():
        flows = network.flows(y)
    assert flows[0, 1].abs().max() == 0
    assert flows[0, 0, 0].mean() > 0.4  # the frame before still has to move right
    assert flows[0, 2, 0].mean() < -0.4


def test_starts_near_bicubic():
    torch.manual_seed(0)
    network = load_network("spmc", SMALL).eval()
    lr = torch.rand(1, 3, 3, 10, 6, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        difference = network(lr) - load_network("bicubic", {})(lr[:, 1])
    assert difference.abs().max() < 0.05


def test_all_three_frames_count():
    torch.manual_seed(0)
    network = load_network("spmc", SMALL).eval()
    lr = torch.rand(1, 3, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        sr = network(lr)
        for index in range(3):
            changed = lr.clone()
            changed[:, index] = 1 - changed[:, index]
            assert not torch.equal(network(changed), sr)
