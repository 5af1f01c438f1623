"""VideoMAE (Tong et al., NeurIPS 2022), from the package ``transformers``: the optional extra of this name.

Weights are a local folder of its published form, ``config.json`` and ``model.safetensors``; nothing is
downloaded. Input is normalised with the mean and deviation of ImageNet.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import torch
from torch import nn

from pipeline.recognition.backbone import IMAGENET, ClipBackbone
from pipeline.recognition.networks import NetworkError
from pipeline.training.torchvision import import_torchvision
from pipeline.weights import WeightsError

ARGUMENTS = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "patch_size")
COMPARED = {"num_frames": "frames", "image_size": "crop"} | {
    name: f"args.{name}" for name in (*ARGUMENTS, "tubelet_size", "use_mean_pooling")
}
"""Keys of config.json that decide what the weights are for, and the recogniser's keys for the same."""


class VideoMAE(ClipBackbone):
    """VideoMAE's encoder with a classifier; 86.5 million parameters (ViT-B) with 400 classes.

    The arguments have the names of ``config.json``, whose values they must have.
    """

    normalisation = IMAGENET
    first_conv = "model.videomae.embeddings.patch_embeddings.projection"
    classifier = "model.classifier"

    def __init__(
        self,
        classes: int = 400,
        frames: int = 16,
        side: int = 224,
        dropout: float = 0.0,
        hidden_size: int = 768,
        num_hidden_layers: int = 12,
        num_attention_heads: int = 12,
        intermediate_size: int = 3072,
        patch_size: int = 16,
        tubelet_size: int = 2,
        use_mean_pooling: bool = True,
    ):
        super().__init__()
        # transformers imports torchvision where it is installed.
        with suppress(ModuleNotFoundError):
            import_torchvision()
        try:
            from transformers import VideoMAEConfig, VideoMAEForVideoClassification
        except ImportError as error:
            raise NetworkError(
                f"network 'videomae' needs the package transformers ({error}); install the extra: "
                "pip install 'recosr[transformers]'"
            ) from error
        if side % patch_size or frames % tubelet_size:
            raise NetworkError(
                f"network 'videomae' cannot divide {frames} frames of {side} pixels by tubelet_size "
                f"{tubelet_size} and patch_size {patch_size}; give multiples as frames and crop"
            )
        self.config = VideoMAEConfig(
            num_labels=classes,
            num_frames=frames,
            image_size=side,
            hidden_size=hidden_size,
            num_hidden_layers=num_hidden_layers,
            num_attention_heads=num_attention_heads,
            intermediate_size=intermediate_size,
            patch_size=patch_size,
            tubelet_size=tubelet_size,
            use_mean_pooling=use_mean_pooling,
        )
        self.model = VideoMAEForVideoClassification(self.config)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, T, H, W) -> (B, classes): mean over tokens, or the first one, normalised and classified."""
        model = self.model
        tokens = model.videomae(x.transpose(1, 2)).last_hidden_state
        pooled = tokens[:, 0] if model.fc_norm is None else model.fc_norm(tokens.mean(1))
        return model.classifier(self.dropout(pooled))

    def check_published(self, path: Path) -> None:
        """Whether the ``config.json`` beside the weights is this network's. Raises WeightsError."""
        file = path.parent / "config.json"
        try:
            published = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise WeightsError(
                f"{file} cannot be read ({error}); give a folder of VideoMAE's published form: config.json "
                "and model.safetensors"
            ) from error
        for name, key in COMPARED.items():
            own = getattr(self.config, name)
            if (found := published.get(name, own)) != own:
                raise WeightsError(f"{file} says {name} {found}, but {key} is {own}; set {key} to {found}")
