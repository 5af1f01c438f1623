"""Distance of deep features: ESRGAN's and SRGAN's perceptual loss."""

from __future__ import annotations

import torch
from torch import Tensor

from pipeline.config import Compute, FeatureNetwork, SRTraining
from pipeline.superres.batches import Batch
from pipeline.superres.features import load_features
from pipeline.superres.layout import image_layout
from pipeline.superres.losses.pixel import pixel_loss
from pipeline.torch_settings import autocast


class Term:
    """The recipe's feature term, a mean over all images; its network is frozen.

    Raises WeightsError for a feature network without weights.
    """

    def __init__(self, training: SRTraining, feature_network: FeatureNetwork, compute: Compute) -> None:
        self.settings, self.compute = training.losses.feature, compute
        self.network = image_layout(load_features(feature_network).to(compute.device))

    def __call__(self, sr: Tensor, batch: Batch) -> Tensor:
        """The weighted loss of ``sr`` (B, K, 3, 4s, 4s)."""
        with autocast(self.compute):
            with torch.no_grad():
                target = self.network(batch.hr.flatten(0, 1))
            ours = self.network(sr.flatten(0, 1))
        return self.settings.weight * pixel_loss(ours.float(), target.float(), self.settings.kind)
