"""SR networks, their losses and their training. The losses are files in superres/losses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import BeforeValidator, Field, model_validator

from pipeline.config.section import Fraction, Name, PositiveFloat, PositiveInt, Section
from pipeline.plugins import module_of, named

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.config import Config
    from pipeline.superres.batches import Batch
    from pipeline.superres.network import SRNetwork
    from pipeline.superres.objective import Setting

ORDER = ("pixel", "feature", "adversarial", "warp", "motion")
"""Order of the losses, whatever their order in the file; others follow by name. Sums of floats depend on the
order, and so do the weights drawn for a loss's own network."""


class LossNetwork(NamedTuple):
    """A network that a loss runs beside the SR network, for preflight's checks and estimates.

    Attributes:
        kind: "discriminator" (patches to logits), or "features" (``superres.feature_network``).
        name: its name in the configuration.
        args: arguments of its constructor.
        forward: passes per training image without a gradient.
        trained: passes with a gradient, of its weights or of its input.
    """

    kind: Literal["discriminator", "features"]
    name: str
    args: dict[str, Any]
    forward: int
    trained: int


class Loss(Section):
    """Base of all losses: a section of a recipe that states its needs and computes the loss.

    Images are RGB in [0, 1], flow is in HR pixels. K frames of each sample are super-resolved: 2 if ``pairs``
    is true, otherwise 1.

    Attributes:
        pairs: whether it compares the two frames of a pair, so that the training needs pairs.
        turned: whether patches are flipped and rotated by default; the recipe overrides this.
        features: whether it reads ``superres.feature_network``, which is then part of ``Setting``.
    """

    HOME: ClassVar[str] = "pipeline.superres.losses"
    pairs: ClassVar[bool] = False
    turned: ClassVar[bool] = True
    features: ClassVar[bool] = False

    loss: str = Field(
        description="a file in superres/losses, or package.module:Class; not needed if the entry has the "
        "name of the file"
    )

    def problems(self, key: str, training: SRTraining, config: Config) -> Iterator[str]:
        """One line per key that does not fit the rest; ``key`` is the loss's, ``training`` its recipe."""
        yield from ()

    def network_problem(self, network: SRNetwork) -> str | None:
        """Why it cannot train an SR network; None if it can."""
        return None

    def weights(self) -> list[Path]:
        """Files that it reads; by default those named by its keys."""
        return [value for value in vars(self).values() if isinstance(value, Path)]

    def modules(self) -> list[str]:
        """Modules that compute it; by default its own and those named by its keys."""
        return [module_of(Loss, self.loss)]

    def networks(self, feature_network: FeatureNetwork) -> list[LossNetwork]:
        """Networks that it runs beside the SR network."""
        return []

    def build(self, setting: Setting) -> Any:
        """Build what it needs beside the batch, such as a network; the other methods get it as ``built``."""
        return None

    def compute(self, sr: Tensor, batch: Batch, built: Any) -> Tensor:
        """The weighted loss, a scalar, of ``sr`` (B, K, 3, 4s, 4s) float32."""
        raise NotImplementedError(f"{type(self).__name__} must define compute")

    def train(self, sr: Tensor, batch: Batch, built: Any) -> dict[str, Tensor]:
        """One step of its own training on the same images, ``sr`` detached; returns values for the log."""
        return {}

    def saved(self, built: Any) -> list[Any]:
        """State for resuming: networks, optimisers, anything with a ``state_dict``."""
        return []


def _in_order(value: Any) -> Any:
    """Sorted entries with the losses that their names imply, and the pixel loss unless it was removed."""
    if not isinstance(value, dict):
        return value
    entries: dict[Any, Any] = {"pixel": {}} | value
    return {
        name: {"loss": name} | entries[name] if isinstance(entries[name], dict) else entries[name]
        for name in sorted(entries, key=lambda n: (ORDER.index(n) if n in ORDER else len(ORDER), str(n)))
    }


Losses = Annotated[dict[Name, Annotated[Loss, *named(Loss, "loss")] | None], BeforeValidator(_in_order)]


class SRProgress(Section):
    """How often a training validates and saves its state; the weights do not depend on it."""

    validate_every: PositiveInt = Field(5000, description="steps between validations")
    checkpoint_every: PositiveInt = Field(5000, description="steps between resumable checkpoints")


class SRRecipe(Section):
    """The keys that determine the weights of a training."""

    iterations: PositiveInt = Field(400_000, description="optimiser steps")
    batch_size: PositiveInt = Field(16, description="patches (or pairs) per step")
    lr: PositiveFloat = Field(1e-4, description="Adam's learning rate")
    betas: list[Fraction] = Field([0.9, 0.999], min_length=2, max_length=2, description="Adam's")
    milestones: list[PositiveInt] = Field(
        default_factory=list, description="steps after which the rate is multiplied by gamma"
    )
    gamma: PositiveFloat = Field(0.5, description="factor at each milestone")
    clip_gradient: PositiveFloat | None = Field(
        None, description="largest norm of the gradient; null: no clipping"
    )
    crop: PositiveInt | None = Field(
        None,
        description="side of a random HR crop of each patch, a multiple of `scale`; null: the whole patch",
    )
    augment: bool | None = Field(
        None,
        description="flip and rotate patches at random; null: unless there is a warp loss, as the authors do",
    )
    patches: Literal["sosr", "tosr"] = Field(
        "sosr", description="single frames with flow, or pairs with 7-frame neighbourhoods"
    )
    losses: Losses = Field(
        default_factory=dict,
        validate_default=True,
        description="losses, whose sum is minimised; includes `pixel` unless that is null",
    )
    frozen: list[str] = Field(
        default_factory=list, description="prefixes of the names of parameters that are not trained"
    )

    @property
    def terms(self) -> dict[str, Loss]:
        """The losses by name, without those that were removed."""
        return {name: loss for name, loss in self.losses.items() if loss}

    @property
    def pairs(self) -> bool:
        """Whether both frames of a pair are super-resolved."""
        return any(loss.pairs for loss in self.terms.values())

    @property
    def augmented(self) -> bool:
        """Whether patches are flipped and rotated."""
        return all(loss.turned for loss in self.terms.values()) if self.augment is None else self.augment


class SRTraining(SRRecipe, SRProgress):
    """How an SR network is trained."""

    degradation: Name | None = Field(
        None,
        description="name in `degradations`: LR patches are cut from training videos that were degraded so; "
        "null: `degradation`",
    )

    @property
    def recipe(self) -> SRRecipe:
        """The keys that determine the weights."""
        return SRRecipe.model_validate({name: getattr(self, name) for name in SRRecipe.model_fields})


class Architecture(Section):
    """An SR network without weights."""

    network: str = Field(description="file in superres/networks, or package.module:Class")
    args: dict[str, Any] = Field(default_factory=dict, description="the constructor's arguments")

    @property
    def module(self) -> str:
        """Module of the network."""
        return self.network if ":" in self.network else f"pipeline.superres.networks.{self.network}"


class SRModel(Architecture):
    """An SR network with its weights, which are given or trained here."""

    weights: Path | None = Field(
        None,
        description="published or imported checkpoint: a path, or PACKAGE:FILE for a file of an installed "
        "package; null: train",
    )
    init: Name | None = Field(None, description="model whose generator the training starts from")
    training: SRTraining | None = Field(None, description="recipe; null: weights, or no parameters")

    @model_validator(mode="after")
    def _check(self) -> SRModel:
        if self.weights and self.training:
            raise ValueError("give either weights or training, not both")
        if self.init and not self.training:
            raise ValueError("init needs a training")
        return self


class FeatureNetwork(Section):
    """The network of the feature loss."""

    network: Literal["vgg19", "random_features"] = Field(
        "vgg19", description="VGG19, or fixed random filters (the demo's substitute)"
    )
    weights: Path | None = Field(None, description="VGG19's weights, torchvision's or imported")


class SuperRes(Section):
    """All SR models by name."""

    models: dict[Name, SRModel] = Field(description="SR models")
    feature_network: FeatureNetwork = Field(
        default_factory=FeatureNetwork, description="network of every feature loss"
    )
    batch_pixels: PositiveInt = Field(
        2_000_000, description="HR pixels that are super-resolved at once; bounds memory"
    )
