"""Losses for the tests, one for each feature of the contract."""

from pathlib import Path

import torch
from pydantic import Field

from pipeline.config.superres import Loss


class Plain(Loss):
    """The distance of the images."""

    def compute(self, sr, batch, built):
        return (sr - batch.hr).abs().mean()


class Steady(Plain):
    """Trains a colour of its own, on pairs, with a file, beside the SR network and the other losses."""

    pairs = True
    turned = False
    target: Path = Field(description="file with a grey level")
    rate: float = Field(0.1, description="learning rate of the colour")

    def problems(self, key, training, config):
        if self.rate > training.lr * 1e6:
            yield f"{key}.rate: {self.rate} is far above the network's, {training.lr}; lower it"

    def network_problem(self, network):
        return "sees three frames; use another" if network.frames == 3 else None

    def build(self, setting):
        colour = torch.nn.Parameter(torch.rand(3, device=setting.compute.device))
        level = float(self.target.read_text())
        return {
            "colour": colour,
            "optimiser": torch.optim.Adam([colour], self.rate),
            "level": level * len(setting.training.terms),
            "fabric": setting.fabric,
            "network": setting.network,
        }

    def compute(self, sr, batch, built):
        assert sr.shape[1] == 2
        colour = built["colour"].detach()[:, None, None]
        size = sum(value.square().sum() for value in built["network"].parameters())
        return (sr - colour).square().mean() + (sr[:, 0] - sr[:, 1]).abs().mean() + 0.01 * size

    def train(self, sr, batch, built):
        loss = (built["colour"] - built["level"]).square().sum()
        built["optimiser"].zero_grad()
        built["fabric"].backward(loss)
        built["optimiser"].step()
        return {"colour": loss.detach()}

    def saved(self, built):
        return [Saved(built["colour"]), built["optimiser"]]


class Saved:
    """A tensor with a state."""

    def __init__(self, tensor):
        self.tensor = tensor

    def state_dict(self):
        return {"tensor": self.tensor.detach()}

    def load_state_dict(self, state):
        self.tensor.data.copy_(state["tensor"])


class Vector(Loss):
    """No scalar."""

    def compute(self, sr, batch, built):
        return sr.mean((2, 3, 4))


class Fails(Loss):
    """A mistake."""

    def compute(self, sr, batch, built):
        return batch.high.mean()


class Silent(Loss):
    """Nothing is computed."""


class Other:
    """No loss."""
