"""VGG-128, ESRGAN's discriminator (and SoSR's): Wang et al., "ESRGAN", ECCV workshops 2018.

Five pairs of a 3x3 convolution and a 4x4 convolution of stride 2 with batch normalisation, then two
linear layers. The result is a logit; the relativistic loss takes the sigmoid.

Details settled:
- Names of the release (BasicSR): `conv0_0`, `conv0_1`, `bn0_1`, ... `linear1`, `linear2`.
- Only `conv0_0` has a bias and no batch normalisation; BN epsilon 1e-5; leaky ReLU with slope 0.2.

Differs: patches may have any side of at least 32 pixels; the number of inputs of `linear1` depends on the
patch's `size` (128 pixels leave 4x4). The release requires 128.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.superres.discriminator import Discriminator

SLOPE = 0.2
STEPS = 5


class VGG128(Discriminator):
    """ESRGAN's discriminator.

    Args:
        size: side of the HR patches in pixels, at least 32.
        features: filters of the first convolutions; the last have 8 times as many.
    """

    def __init__(self, size: int = 128, features: int = 64) -> None:
        super().__init__()
        if size < 2**STEPS:
            raise ValueError(f"size is {size}, but must be at least {2**STEPS}")
        self.size = size
        inputs = 3
        for step in range(STEPS):
            outputs = features * min(2**step, 8)
            self.add_module(f"conv{step}_0", nn.Conv2d(inputs, outputs, 3, padding=1, bias=step == 0))
            if step:
                self.add_module(f"bn{step}_0", nn.BatchNorm2d(outputs))
            self.add_module(f"conv{step}_1", nn.Conv2d(outputs, outputs, 4, stride=2, padding=1, bias=False))
            self.add_module(f"bn{step}_1", nn.BatchNorm2d(outputs))
            inputs = outputs
            size //= 2
        self.linear1 = nn.Linear(inputs * size * size, 100)
        self.linear2 = nn.Linear(100, 1)

    def logits(self, patches: Tensor) -> Tensor:
        """Logits (B, 1) of patches (B, 3, size, size)."""
        x = patches
        for step in range(STEPS):
            for part in (0, 1):
                x = self.get_submodule(f"conv{step}_{part}")(x)
                if step or part:
                    x = self.get_submodule(f"bn{step}_{part}")(x)
                x = F.leaky_relu_(x, SLOPE)
        return self.linear2(F.leaky_relu_(self.linear1(x.flatten(1)), SLOPE))
