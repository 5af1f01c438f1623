"""Losses and the warp against published implementations (README.md beside this), with gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from pipeline import config
from pipeline.flow.warp import warp
from pipeline.recognition.backbone import Backbone, Unit
from pipeline.recognition.joint_networks.st_resnet import STResNet
from pipeline.recognition.protocols import st_resnet
from pipeline.superres.batches import Batch
from pipeline.superres.losses.adversarial import relativistic_discriminator_loss, relativistic_generator_loss
from pipeline.superres.losses.pixel import pixel_loss
from pipeline.superres.losses.warp import warp_loss
from pipeline.superres.network import ImageNetwork
from pipeline.superres.objective import Objective, Setting
from tests.golden.reading import arrays, draws, facts

pytestmark = pytest.mark.numeric

RELEASES = ["esrgan_first_release", "basicsr"]


def logits() -> tuple[Tensor, Tensor]:
    """Logits (4, 1) of HR and of SR."""
    both = facts("relativistic_losses")["logits"]
    real, fake = (torch.tensor(both[key], dtype=torch.float64)[:, None] for key in ("real", "fake"))
    return real.requires_grad_(), fake.requires_grad_()


def assert_gradient(found: Tensor, expected: list, tolerance: float) -> None:
    np.testing.assert_allclose(found.squeeze().numpy(), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("release", RELEASES)
def test_relativistic_generator(release):
    golden = facts("relativistic_losses")
    expected, tolerance = golden[release], golden["tolerance"]["absolute"]
    real, fake = logits()
    loss = relativistic_generator_loss(real, fake)
    loss.backward()
    assert loss.item() == pytest.approx(expected["generator"], rel=0, abs=tolerance)
    assert real.grad is None
    assert_gradient(fake.grad, expected["generator_gradient_fake"], tolerance)


@pytest.mark.parametrize("release", RELEASES)
def test_relativistic_discriminator(release):
    golden = facts("relativistic_losses")
    loss = relativistic_discriminator_loss(*logits())
    expected = golden[release]["discriminator"]
    assert loss.item() == pytest.approx(expected, rel=0, abs=golden["tolerance"]["absolute"])


@pytest.mark.parametrize("release", RELEASES)
def test_gradient_of_the_relativistic_discriminator(release):
    """Today's BasicSR detaches both means; the first release, SoSR's authors and our default do not."""
    golden = facts("relativistic_losses")
    expected, tolerance = golden[release], golden["tolerance"]["absolute"]
    real, fake = logits()
    relativistic_discriminator_loss(real, fake, detached_means=release == "basicsr").backward()
    assert_gradient(real.grad, expected["discriminator_gradient_real"], tolerance)
    assert_gradient(fake.grad, expected["discriminator_gradient_fake"], tolerance)


def image(array: np.ndarray) -> Tensor:
    """(1, h, w, 3), or (1, 1, h, w, 3), as (1, 3, h, w)."""
    return torch.from_numpy(array.reshape(1, *array.shape[-3:])).float().permute(0, 3, 1, 2)


def test_tosr_losses():
    """The four terms of the authors' code, and the recipe's sum of them; the flow stays inside."""
    golden, seed = arrays("tosr_learned_expansion"), facts("tosr_learned_expansion")["seed"]
    sr_t, sr_t1 = image(golden["output"]), image(golden["output2"])
    hr_t, hr_t1 = (image(draws(seed, 1000000 + k).integers(0, 257, (1, 1, 32, 40, 3)) / 256) for k in (2, 3))
    flow = torch.from_numpy(golden["flow"])
    found = [
        pixel_loss(sr_t, hr_t, "huber"),
        pixel_loss(sr_t1, hr_t1, "huber"),
        warp_loss(sr_t, sr_t1, hr_t, flow, a=1, b=0),
        warp_loss(sr_t, sr_t1, hr_t, flow, a=0, b=1),
    ]
    np.testing.assert_allclose([loss.item() for loss in found], golden["losses"], rtol=1e-6)

    training = config.SRTraining(iterations=1, losses={"pixel": {"kind": "huber"}, "warp": {}})
    objective = Objective(Setting(training, None, config.Compute(), ImageNetwork(), Fabric()))
    batch = Batch(lr=None, hr=torch.stack((hr_t, hr_t1), 1), flow=flow)
    total = sum(objective.generator_terms(torch.stack((sr_t, sr_t1), 1), batch).values())
    assert total.item() == pytest.approx(golden["losses"].sum(), rel=1e-6)


def warps() -> tuple[Tensor, Tensor, dict[str, np.ndarray], float]:
    """Image, flow, stored arrays and tolerance of ``tosr_warp``."""
    golden = arrays("tosr_warp")
    tolerance = facts("tosr_warp")["tolerance"]["absolute"]
    return image(golden["image"]), torch.from_numpy(golden["flow"]), golden, tolerance


def test_warp_inside_of_the_image():
    picture, flow, golden, tolerance = warps()
    height, width = picture.shape[2:]
    x, y = torch.arange(width) + flow[0, 0], torch.arange(height)[:, None] + flow[0, 1]
    inside = ((x >= 0) & (x < width - 1) & (y >= 0) & (y < height - 1)).numpy()
    assert inside.sum() == facts("tosr_warp")["inside"]["count"]
    found = warp(picture, flow).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(found[:, inside], golden["warped"][:, inside], rtol=0, atol=tolerance)
    still = warp(picture, torch.zeros_like(flow)).permute(0, 2, 3, 1).numpy()
    expected = golden["warped_zero_flow"][:, :-1, :-1]
    np.testing.assert_allclose(still[:, :-1, :-1], expected, rtol=0, atol=tolerance)


def test_warp_beyond_the_image():
    """Outside, and in the last row and column, which the authors' warp blackens even without flow."""
    picture, flow, golden, tolerance = warps()
    for key, field in (("warped", flow), ("warped_zero_flow", torch.zeros_like(flow))):
        found = warp(picture, field, "zeros").permute(0, 2, 3, 1).numpy()
        np.testing.assert_allclose(found, golden[key], rtol=0, atol=tolerance)


class Pass(Unit):
    """A residual unit that passes its input on."""

    def shortcut(self, x: Tensor) -> Tensor:
        return x

    def residual(self, x: Tensor) -> Tensor:
        return 0 * x

    def activation(self, x: Tensor) -> Tensor:
        return x


class Scores(Backbone):
    """A backbone whose frames (n, classes, 1, 1) are their own scores."""

    classifier = "identity"

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList([nn.ModuleList([Pass(), Pass()])])
        self.stem = self.neck = self.dropout = self.identity = nn.Identity()


@pytest.mark.parametrize("stage", ["stage_1", "stage_2"])
def test_joint_loss_of_st_resnet(stage):
    """A transcription of the authors' MATLAB, so weaker evidence than the rest.

    The stored scores are those at the classifiers, after any pooling over time; the loss is of float32.
    """
    golden = facts("stresnet_joint_loss")
    parts = [golden[stage][stream] for stream in ("appearance", "motion")]
    scores = [torch.tensor(part["scores"], requires_grad=True) for part in parts]
    network = STResNet(Scores(), Scores(), temporal_pool=False)
    labels = torch.tensor(golden["labels"])
    joint = st_resnet.JointStreamTraining.model_construct()
    loss, _ = joint.loss(network, [each[..., None, None] for each in scores], labels)
    loss.backward()
    assert loss.item() == pytest.approx(golden[stage]["loss"], rel=1e-6)
    for each, part in zip(scores, parts, strict=True):
        np.testing.assert_allclose(each.grad.numpy(), part["gradient"], rtol=0, atol=1e-6)
