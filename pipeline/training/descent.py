"""Optimiser, learning-rate schedule and gradient clipping of all trainings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import MultiStepLR


class Descent:
    """Takes optimiser steps; after each step of ``milestones`` the rates are multiplied by ``gamma``.

    Parameter groups keep the ratio of their rates. If the gradient's norm over all trained parameters exceeds
    ``clip_gradient``, it is scaled down to it. Parameters are trained if they require gradients when this
    object is created.

    Attributes:
        rate: learning rate of the optimiser's first group in the last step.
    """

    def __init__(
        self,
        network: nn.Module,
        optimiser: Optimizer,
        milestones: Sequence[int],
        gamma: float,
        clip_gradient: float | None,
    ) -> None:
        self.optimiser, self.clip_gradient = optimiser, clip_gradient
        self.schedule = MultiStepLR(optimiser, milestones, gamma)
        self.trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self.rate = float(self.schedule.get_last_lr()[0])

    def zero_grad(self) -> None:
        """Reset all gradients; the next step uses those of the backward passes after this call."""
        self.optimiser.zero_grad(set_to_none=True)

    def step(self) -> None:
        """Clip the gradient, take one step, advance the schedule."""
        if self.clip_gradient is not None:
            nn.utils.clip_grad_norm_(self.trained, self.clip_gradient)
        self.optimiser.step()
        self.rate = float(self.schedule.get_last_lr()[0])
        self.schedule.step()

    def state_dict(self) -> dict[str, Any]:
        """State of the optimiser and the schedule."""
        return {"optimiser": self.optimiser.state_dict(), "schedule": self.schedule.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the optimiser and the schedule."""
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
