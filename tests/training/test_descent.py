"""Steps down a gradient: rates by the schedule, gradients within their bound, state that comes back."""

import copy

import pytest
import torch
from torch import nn

from pipeline.training.descent import Descent


def network() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(3, 2)


def descend(module: nn.Module, descent: Descent, steps: int, scale: float = 1.0) -> list[float]:
    """Steps on the same loss; their rates."""
    rates = []
    for _ in range(steps):
        descent.zero_grad()
        (scale * module(torch.ones(3)).square().sum()).backward()
        descent.step()
        rates.append(descent.rate)
    return rates


def test_rates_of_all_groups_drop_after_the_milestones():
    module = network()
    groups = [{"params": [module.weight], "lr": 0.05}, {"params": [module.bias], "lr": 0.1}]
    optimiser = torch.optim.SGD(groups)
    descent = Descent(module, optimiser, [2, 3], 0.1, None)
    assert descend(module, descent, 5) == pytest.approx([0.05, 0.05, 0.005, 0.0005, 0.0005])
    assert optimiser.param_groups[1]["lr"] == pytest.approx(2 * descent.rate)


def test_gradients_are_scaled_to_their_bound_over_what_is_trained():
    moved = {}
    for bound in (None, 0.5, 1e6):
        module = network()
        module.bias.grad = torch.full((2,), 1e9)  # left over from when it was trained
        module.bias.requires_grad_(False)
        optimiser = torch.optim.SGD([module.weight], lr=1.0)
        descent = Descent(module, optimiser, [], 0.1, bound)
        descend(module, descent, 1, scale=100.0)
        moved[bound] = (module.weight - network().weight).norm().item()
    assert moved[0.5] == pytest.approx(0.5, rel=1e-4)
    assert moved[1e6] == moved[None] > 1.0


def test_gradients_before_are_forgotten():
    module = network()
    descent = Descent(module, torch.optim.SGD(module.parameters(), lr=1.0), [], 0.1, None)
    module(torch.ones(3)).sum().backward()
    descent.zero_grad()
    descent.step()
    assert torch.equal(module.weight, network().weight)


@pytest.mark.parametrize("optimiser", [torch.optim.SGD, torch.optim.Adam])
def test_a_state_goes_on_as_if_nothing_had_been(optimiser):
    keys = {"momentum": 0.9} if optimiser is torch.optim.SGD else {}

    def begin() -> tuple[nn.Module, Descent]:
        module = network()
        return module, Descent(module, optimiser(module.parameters(), lr=0.1, **keys), [2, 4], 0.3, 1.0)

    module, descent = begin()
    descend(module, descent, 3)
    resumed, other = begin()
    resumed.load_state_dict(copy.deepcopy(module.state_dict()))
    other.load_state_dict(copy.deepcopy(descent.state_dict()))
    assert descend(module, descent, 3) == descend(resumed, other, 3)
    assert torch.equal(module.weight, resumed.weight)
