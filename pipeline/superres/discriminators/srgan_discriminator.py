"""SRGAN's discriminator: Ledig et al., "Photo-realistic single image super-resolution using a generative
adversarial network", CVPR 2017.

Eight 3x3 convolutions of 64 to 512 filters, every second of stride 2, leaky ReLU with slope 0.2, then
two linear layers.

Details settled:
- Names `features.N`, `classifier.N`, as PyTorch releases of the 16-block network have them.
- The first convolution has a bias and no batch normalisation; the others have batch normalisation
  (epsilon 1e-5) and no bias.

Differs: the result is a logit (the paper ends in a sigmoid; the loss takes it here), and `size` is the
side of any patch of at least 16 pixels (the paper: 96, which leaves 6x6).
"""

from __future__ import annotations

from torch import Tensor, nn

from pipeline.superres.discriminator import Discriminator

SLOPE = 0.2


class SRGANDiscriminator(Discriminator):
    """SRGAN's discriminator.

    Args:
        size: side of the HR patches in pixels, at least 16.
        features: filters of the first convolutions; the last have 8 times as many.
        hidden: outputs of the first linear layer.
    """

    def __init__(self, size: int = 96, features: int = 64, hidden: int = 1024) -> None:
        super().__init__()
        if size < 16:
            raise ValueError(f"size is {size}, but must be at least 16")
        self.size = size
        layers: list[nn.Module] = [nn.Conv2d(3, features, 3, padding=1), nn.LeakyReLU(SLOPE, inplace=True)]
        inputs = features
        for index in range(1, 8):
            outputs = features * 2 ** (index // 2)
            stride = 1 + index % 2
            layers += [
                nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.LeakyReLU(SLOPE, inplace=True),
            ]
            inputs = outputs
            size = -(-size // stride)
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Linear(inputs * size * size, hidden), nn.LeakyReLU(SLOPE, inplace=True), nn.Linear(hidden, 1)
        )

    def logits(self, patches: Tensor) -> Tensor:
        """Logits (B, 1) of patches (B, 3, size, size)."""
        return self.classifier(self.features(patches).flatten(1))
