"""The sum of a recipe's losses compared with sums written out by hand."""

import pytest
import torch
from lightning_fabric import Fabric
from torch.nn.functional import huber_loss

from pipeline.config import Compute, FeatureNetwork, SRTraining
from pipeline.superres.batches import Batch
from pipeline.superres.losses.motion import motion_loss
from pipeline.superres.luma import luma
from pipeline.superres.network import ImageNetwork, NetworkError
from pipeline.superres.networks import load_network
from pipeline.superres.objective import Objective, Setting

pytestmark = pytest.mark.numeric

FEATURES = FeatureNetwork(network="random_features")
FABRIC = Fabric(accelerator="cpu", devices=1)
DISCRIMINATOR = {"size": 32, "features": 4}


def objective(network: torch.nn.Module | None = None, **terms) -> Objective:
    torch.manual_seed(0)
    network = network or ImageNetwork()
    return Objective(Setting(SRTraining(losses=terms), FEATURES, Compute(), network, FABRIC))


def pair(sides: int) -> tuple[torch.Tensor, Batch]:
    """SR and a batch of three samples; the flow is two pixels to the right."""
    torch.manual_seed(1)
    hr, sr = torch.rand(3, sides, 3, 32, 32), torch.rand(3, sides, 3, 32, 32)
    flow = torch.zeros(3, 2, 32, 32)
    flow[:, 0] = 2
    return sr.requires_grad_(), Batch(torch.rand(3, sides, 1, 3, 8, 8), hr, flow)


@pytest.mark.parametrize("outside", ["zeros", "border"])
def test_a_siamese_pair_adds_both_pixel_terms_and_both_warp_terms(outside):
    sr, batch = pair(2)
    warp = {"sr": 0.5, "hr": 2.0, "outside": outside}
    terms = objective(pixel={"kind": "huber"}, warp=warp).generator_terms(sr, batch)

    def distance(a, b):
        return huber_loss(a, b, delta=0.01)

    expected = distance(sr[:, 0], batch.hr[:, 0]) + distance(sr[:, 1], batch.hr[:, 1])
    torch.testing.assert_close(terms["pixel"], expected)
    columns = (torch.arange(32) + 2).clamp(max=31)  # W(SR)(x) = SR(x + 2)
    warped = sr[:, 1][..., columns]
    if outside == "zeros":
        inside = (torch.arange(32) < 29)[None, :] & (torch.arange(32) < 31)[:, None]
        warped = warped * inside
    expected = 0.5 * distance(warped, sr[:, 0]) + 2 * distance(warped, batch.hr[:, 0])
    torch.testing.assert_close(terms["warp"], expected)


def test_weights_follow_the_flow_of_each_sample():
    sr, batch = pair(1)
    flow = torch.zeros_like(batch.flow)
    flow[0, 1, :, :16] = 3  # only the left half of the first sample moves
    batch = Batch(batch.lr, batch.hr, flow)
    found = objective(pixel={"flow_weight": "squared_magnitude", "weight": 0.1}).generator_terms(sr, batch)
    error = (sr - batch.hr)[0, 0, :, :, :16].square().sum() * 9 / sr.numel()
    torch.testing.assert_close(found["pixel"], 0.1 * error)


def test_generator_and_discriminator_leave_each_other_alone():
    sr, batch = pair(1)
    gan = objective(pixel=None, feature={"weight": 2.0}, adversarial={"args": DISCRIMINATOR})
    terms = gan.generator_terms(sr, batch)
    assert set(terms) == {"feature", "adversarial"}
    sum(terms.values()).backward()
    assert sr.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in gan.built["adversarial"].discriminator.parameters())
    assert all(parameter.grad is None for parameter in gan.built["feature"].network.parameters())

    discriminator = gan.built["adversarial"].discriminator
    before = [parameter.clone() for parameter in discriminator.parameters()]
    sr.grad = None
    steps = [gan.train_own(sr.detach(), batch) for _ in range(8)]
    losses = [step["adversarial/discriminator"].item() for step in steps]
    assert sr.grad is None
    assert losses[-1] < losses[0]
    assert any(not torch.equal(a, b) for a, b in zip(before, discriminator.parameters(), strict=True))


def test_detached_means_train_another_discriminator():
    sr, batch = pair(1)
    found = []
    for detached in (False, True):
        gan = objective(pixel=None, adversarial={"args": DISCRIMINATOR, "detached_means": detached})
        losses = [gan.train_own(sr.detach(), batch)["adversarial/discriminator"] for _ in range(2)]
        found.append([loss.item() for loss in losses])
    assert found[0][0] == found[1][0]  # the values are the same, the gradients are not
    assert found[0][1] != found[1][1]


def test_the_state_of_the_discriminator_comes_back():
    sr, batch = pair(1)
    adversarial = {"kind": "standard", "args": DISCRIMINATOR}
    one, two = objective(adversarial=adversarial), objective(adversarial=adversarial)
    one.train_own(sr.detach(), batch)
    two.load_state_dict(one.state_dict())
    first, second = (each.train_own(sr.detach(), batch) for each in (one, two))
    assert torch.equal(first["adversarial/discriminator"], second["adversarial/discriminator"])


def test_a_recipe_without_losses_is_refused():
    with pytest.raises(ValueError, match="has no loss"):
        objective(pixel=None)


def test_the_motion_term_trains_the_motion_network_and_nothing_else():
    network = load_network("spmc", {"features": 2, "motion_features": 4, "gain": 2.0})
    for tower in (network.motion.coarse, network.motion.fine):
        torch.nn.init.normal_(tower[-1].weight, std=0.1)  # the flow starts near zero: nothing to see
    sr, batch = pair(2)
    batch = Batch(torch.rand(3, 2, 3, 3, 8, 8), batch.hr, batch.flow)
    found = objective(network, pixel=None, motion={"weight": 0.5, "smoothness": 0.2})
    (term,) = found.generator_terms(sr, batch).values()
    frames = luma(batch.lr)
    expected = sum(motion_loss(frames[:, side], network.flows(frames[:, side]), 0.2) for side in (0, 1))
    torch.testing.assert_close(term, 0.5 * expected)
    term.backward()
    trained = {name.split(".")[0] for name, value in network.named_parameters() if value.grad is not None}
    assert trained == {"motion"}
    assert sr.grad is None


def test_the_motion_term_needs_a_network_that_estimates_motion():
    with pytest.raises(NetworkError, match=r"losses\.motion: VDSR estimates no motion; use network spmc"):
        objective(load_network("vdsr", {"depth": 2, "features": 2}), motion={})
