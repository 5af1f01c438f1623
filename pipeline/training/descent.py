"""Steps down a gradient: the optimiser, its schedule and the gradient's bound, for all trainings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import MultiStepLR


class Descent:
    """Lowers a network's loss step by step; after the steps ``milestones`` rates are multiplied by ``gamma``.

    Groups of parameters keep the ratio of their rates. Gradients whose norm over all that is trained is above
    ``clip_gradient`` are scaled down to it. What ``requires_grad`` when this is made is what is trained.

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
        """Forget gradients: the next step goes by those of the backward passes from here on."""
        self.optimiser.zero_grad(set_to_none=True)

    def step(self) -> None:
        """One step down the gradient."""
        if self.clip_gradient is not None:
            nn.utils.clip_grad_norm_(self.trained, self.clip_gradient)
        self.optimiser.step()
        self.rate = float(self.schedule.get_last_lr()[0])
        self.schedule.step()

    def state_dict(self) -> dict[str, Any]:
        """The state of optimiser and schedule."""
        return {"optimiser": self.optimiser.state_dict(), "schedule": self.schedule.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Bring both back to ``state``."""
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
