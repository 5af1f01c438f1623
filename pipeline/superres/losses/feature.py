"""Distance of deep features: ESRGAN's and SRGAN's perceptual loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import Field

from pipeline.config.section import PositiveFloat
from pipeline.config.superres import FeatureNetwork, Loss, LossNetwork
from pipeline.superres.losses.pixel import pixel_loss

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pipeline.config.compute import Compute
    from pipeline.superres.batches import Batch
    from pipeline.superres.objective import Setting


class Frozen(NamedTuple):
    """The network whose features are compared, and its device and precision."""

    network: nn.Module
    compute: Compute


class Feature(Loss):
    """L1 distance of deep features (ESRGAN's perceptual loss: VGG19 conv5_4 before activation)."""

    features = True

    weight: PositiveFloat = Field(1.0, description="factor of the loss")
    kind: Literal["l1", "mse"] = Field("l1", description="distance (SRGAN: mse)")

    def networks(self, feature_network: FeatureNetwork) -> list[LossNetwork]:
        """HR forward, SR forward and backward; the time of random filters is negligible."""
        name = feature_network.network
        return [LossNetwork("features", name, {}, forward=1, trained=1)] * (name == "vgg19")

    def build(self, setting: Setting) -> Frozen:
        """The frozen network. Raises WeightsError if it has no weights."""
        from pipeline.superres.features import load_features
        from pipeline.superres.memory_format import image_layout

        assert setting.feature_network is not None  # a training with such a loss has it
        network = load_features(setting.feature_network).to(setting.compute.device)
        return Frozen(image_layout(network), setting.compute)

    def compute(self, sr: Tensor, batch: Batch, built: Frozen) -> Tensor:
        """A mean over all images."""
        import torch

        from pipeline.training.torch_settings import autocast

        with autocast(built.compute):
            with torch.no_grad():
                target = built.network(batch.hr.flatten(0, 1))
            ours = built.network(sr.flatten(0, 1))
        return self.weight * pixel_loss(ours.float(), target.float(), self.kind)
