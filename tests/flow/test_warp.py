"""Backward warp against shifted images, hand values and numerical gradients."""

import pytest
import torch
from torch.nn import functional as F

from pipeline.flow.warp import warp

pytestmark = pytest.mark.numeric


def constant_flow(image: torch.Tensor, u: float, v: float) -> torch.Tensor:
    batch, _, height, width = image.shape
    return image.new_tensor([u, v])[None, :, None, None].expand(batch, 2, height, width)


def test_zero_flow_is_the_identity():
    image = torch.rand(2, 3, 5, 7)
    torch.testing.assert_close(warp(image, constant_flow(image, 0, 0)), image, rtol=0, atol=0)


@pytest.mark.parametrize(("u", "v"), [(1, 0), (-2, 0), (0, 3), (2, -1)])
def test_whole_pixels_are_shifts_with_replicated_border(u, v):
    image = torch.rand(2, 3, 6, 8)
    padded = F.pad(image, [4] * 4, mode="replicate")
    expected = padded[:, :, 4 + v : 10 + v, 4 + u : 12 + u]
    torch.testing.assert_close(warp(image, constant_flow(image, u, v)), expected, rtol=0, atol=0)


def test_hand_values():
    image = torch.tensor([[[[0.0, 4.0], [8.0, 20.0]]]])
    flow = torch.tensor([[[[0.25, -9.0], [0.5, 0.0]], [[0.0, 0.5], [-0.5, 9.0]]]])
    # (0.25, 0) -> 1; (-8, 0.5) -> (0 + 8) / 2; (0.5, 0.5) -> mean of all; (1, 10) -> corner
    expected = torch.tensor([[[[1.0, 4.0], [8.0, 20.0]]]])
    torch.testing.assert_close(warp(image, flow), expected)


def test_zeros_outside_by_hand():
    """As the warp of ToSR's authors: nothing from the last column on, the line goes on before the first."""
    image = torch.tensor([[[[10.0, 20.0, 40.0]] * 2]])
    places = [1.5, -0.5, -1.0, 1.0, 2.0, 0.0]  # x that is looked at
    expected = [30.0, 5.0, 0.0, 20.0, 0.0, 10.0]
    for place, value in zip(places, expected, strict=True):
        flow = constant_flow(image, place, 0)
        assert warp(image, flow, "zeros")[0, 0, 0, 0].item() == value
        assert warp(image, flow, "zeros")[0, 0, 1, 0].item() == 0  # the last row
    still = warp(image, constant_flow(image, 0, 0), "zeros")
    assert still.tolist() == [[[[10.0, 20.0, 0.0], [0.0, 0.0, 0.0]]]]


def test_both_ways_agree_inside():
    image = torch.rand(1, 3, 8, 9, generator=torch.Generator().manual_seed(3))
    flow = constant_flow(image, 1.25, -0.75)
    inner = (..., slice(1, 7), slice(0, 6))
    assert torch.equal(warp(image, flow)[inner], warp(image, flow, "zeros")[inner])


def test_agrees_with_grid_sample():
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(2, 3, 9, 12, generator=generator, dtype=torch.float64)
    flow = torch.randn(2, 2, 9, 12, generator=generator, dtype=torch.float64) * 4
    x = torch.arange(12) + flow[:, 0]
    y = torch.arange(9)[:, None] + flow[:, 1]
    grid = torch.stack((2 * x / 11 - 1, 2 * y / 8 - 1), -1)
    expected = F.grid_sample(image, grid, padding_mode="border", align_corners=True)
    torch.testing.assert_close(warp(image, flow), expected)


def test_gradients():
    generator = torch.Generator().manual_seed(1)
    image = torch.rand(1, 2, 4, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    flow = torch.rand(1, 2, 4, 5, generator=generator, dtype=torch.float64) * 1.6 - 0.8
    flow.requires_grad_(True)
    assert torch.autograd.gradcheck(warp, (image, flow))
    assert torch.autograd.gradcheck(lambda i, f: warp(i, f, "zeros"), (image, flow))


def test_one_pixel_image():
    image = torch.full((1, 1, 1, 1), 3.0)
    assert warp(image, constant_flow(image, 5, -5)).item() == 3.0


def test_refuses_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"\(1, 3, 4, 5\) and \(1, 2, 5, 4\)"):
        warp(torch.zeros(1, 3, 4, 5), torch.zeros(1, 2, 5, 4))
