"""SR networks, their losses and their training."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from pipeline.config.section import Fraction, Name, NonNegativeFloat, PositiveFloat, PositiveInt, Section


class PixelLoss(Section):
    """A pixel term, weighted by the flow of the HR frame where asked (section 3.1.2, L_wmse)."""

    kind: Literal["mse", "l1", "huber"] = Field("mse", description="penalty of a difference")
    weight: PositiveFloat = Field(1.0, description="factor of the term")
    delta: PositiveFloat = Field(0.01, description="Huber's threshold, in units of [0, 1] images")
    flow_weight: Literal["none", "magnitude", "squared_magnitude"] = Field(
        "none", description="per-pixel weight: 1, |flow| or |flow|^2"
    )
    normalise: Literal["none", "mean"] = Field(
        "none", description="mean: weights of a patch are divided by their mean"
    )


class FeatureLoss(Section):
    """L1 distance of deep features (ESRGAN's perceptual loss: VGG19 conv5_4 before activation)."""

    weight: PositiveFloat = Field(1.0, description="factor of the term")
    kind: Literal["l1", "mse"] = Field("l1", description="distance (SRGAN: mse)")


class AdversarialLoss(Section):
    """A discriminator's term and its own training."""

    kind: Literal["relativistic", "standard"] = Field(
        "relativistic", description="relativistic average GAN (ESRGAN) or the standard one (SRGAN)"
    )
    weight: PositiveFloat = Field(5e-3, description="factor of the term")
    discriminator: str = Field("vgg128", description="network of superres/networks")
    args: dict[str, Any] = Field(default_factory=dict, description="its constructor's arguments")
    lr: PositiveFloat = Field(1e-4, description="its learning rate")
    detached_means: bool = Field(
        False,
        description="no gradient through the discriminator's relativistic means (today's BasicSR: true)",
    )


class WarpLoss(Section):
    """ToSR's temporal terms a*d(SR_t, W(SR_t+1)) + b*d(HR_t, W(SR_t+1)) (section 3.2.2)."""

    sr: NonNegativeFloat = Field(1.0, description="a: warped SR_t+1 against SR_t")
    hr: NonNegativeFloat = Field(1.0, description="b: warped SR_t+1 against HR_t")
    outside: Literal["zeros", "border"] = Field(
        "zeros", description="the warp outside of the frame: 0 (authors' code) or its nearest pixel"
    )


class MotionLoss(Section):
    """SPMC's motion term: L1 of the warped centre frame plus total variation of the flow, at LR."""

    weight: PositiveFloat = Field(0.01, description="factor of the term (SPMC's lambda_2)")
    smoothness: NonNegativeFloat = Field(
        0.01, description="weight of the total variation in it (SPMC's lambda_1)"
    )


class Losses(Section):
    """The sum that a network is trained on."""

    pixel: PixelLoss | None = Field(default_factory=PixelLoss, description="pixel term")
    feature: FeatureLoss | None = Field(None, description="feature term")
    adversarial: AdversarialLoss | None = Field(None, description="adversarial term")
    warp: WarpLoss | None = Field(None, description="siamese pair and its warp terms")
    motion: MotionLoss | None = Field(None, description="term of the network's own motion (spmc)")


class SRProgress(Section):
    """How often a training shows and saves where it stands; the weights do not depend on it."""

    validate_every: PositiveInt = Field(5000, description="steps between validations")
    checkpoint_every: PositiveInt = Field(5000, description="steps between resumable checkpoints")


class SRTraining(SRProgress):
    """How an SR network is trained."""

    iterations: PositiveInt = Field(400_000, description="optimiser steps")
    batch_size: PositiveInt = Field(16, description="patches (or pairs) a step")
    lr: PositiveFloat = Field(1e-4, description="Adam's learning rate")
    betas: list[Fraction] = Field([0.9, 0.999], min_length=2, max_length=2, description="Adam's")
    milestones: list[PositiveInt] = Field(
        default_factory=list, description="steps after which the rate is multiplied by gamma"
    )
    gamma: PositiveFloat = Field(0.5, description="factor at each milestone")
    clip_gradient: PositiveFloat | None = Field(None, description="largest gradient norm")
    crop: PositiveInt | None = Field(
        None, description="side of a random HR crop of each patch, multiple of 4; null: all of it"
    )
    augment: bool | None = Field(
        None,
        description="mirror and turn patches at random; null: unless there is a warp loss, as the authors",
    )
    patches: Literal["sosr", "tosr"] = Field(
        "sosr", description="single frames with flow, or pairs with 7-frame neighbourhoods"
    )
    losses: Losses = Field(default_factory=Losses, description="what is minimised")
    frozen: list[str] = Field(
        default_factory=list, description="beginnings of the names of parameters that do not train"
    )

    @property
    def augmented(self) -> bool:
        """Whether patches are mirrored and turned."""
        return self.losses.warp is None if self.augment is None else self.augment


class SRModel(Section):
    """An SR network with its weights: given, or trained here."""

    network: str = Field(description="file in superres/networks, or package.module:Class")
    args: dict[str, Any] = Field(default_factory=dict, description="the constructor's arguments")
    weights: Path | None = Field(None, description="published or imported checkpoint; null: train")
    init: Name | None = Field(None, description="model whose generator the training starts from")
    training: SRTraining | None = Field(None, description="recipe; null: weights, or no parameters")

    @model_validator(mode="after")
    def _check(self) -> SRModel:
        if self.weights and self.training:
            raise ValueError("give either weights or training, not both")
        if self.init and not self.training:
            raise ValueError("init is only of use together with training")
        return self


class FeatureNetwork(Section):
    """The network behind the feature loss."""

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
        2_000_000, description="HR pixels super-resolved at once: bounds memory"
    )
