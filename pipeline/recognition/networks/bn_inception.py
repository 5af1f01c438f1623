"""BN-Inception: Ioffe and Szegedy, "Batch normalization", ICML 2015, as TSN (Wang et al., ECCV 2016) uses it.

Ten inception blocks of four (3c and 4e: three) branches. 11,295,240 parameters with 1000 classes.

Details settled (TSN's Caffe model; names of its torch port, yjxiong/tensorflow-model-zoo.torch):
- Convolution with bias, then BN (epsilon 1e-5), then ReLU, everywhere; padding of half the kernel.
- The blocks are those of the Caffe model: 4a has 96 channels before and 128 after its double 3x3, and so on
  as in BLOCKS; 3c and 4e stride by 2 in both of their 3x3 branches and keep no 1x1.
- Max-pooling by 2 (3x3) rounds sizes up without padding; average pooling of a block is 3x3, stride 1, padded
  by one and counts padded zeros; block 5b pools by maximum, padded by one.
- 7x7 average pooling, dropout, linear layer. Input: BGR in 0 to 255 minus (104, 117, 123); flow minus 128.
- Names: Caffe's with _ for / ("inception_3a_double_3x3_2_bn"), `last_linear` for fc-action.

Differs: `width` and `blocks` make it smaller. Sides must halve evenly down to 3c and 4e (multiples of 32);
otherwise Caffe fails too, because its padded convolutions and unpadded pooling disagree.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from pipeline.recognition.backbone import CAFFE, Backbone, initialise

# Channels of 1x1 (0: none and stride 2), 3x3 reduce and 3x3, double 3x3 reduce and both, pool projection.
BLOCKS: dict[str, tuple[int, int, int, int, int, int]] = {
    "3a": (64, 64, 64, 64, 96, 32),
    "3b": (64, 64, 96, 64, 96, 64),
    "3c": (0, 128, 160, 64, 96, 0),
    "4a": (224, 64, 96, 96, 128, 128),
    "4b": (192, 96, 128, 96, 128, 128),
    "4c": (160, 128, 160, 128, 160, 128),
    "4d": (96, 128, 192, 160, 192, 128),
    "4e": (0, 128, 192, 192, 256, 0),
    "5a": (352, 192, 320, 160, 224, 128),
    "5b": (352, 192, 320, 192, 224, 128),
}


class BNInception(Backbone):
    """11.3 million parameters with 1000 classes; ``width`` scales channels, ``blocks`` keeps some blocks."""

    normalisation = CAFFE
    first_conv = "conv1_7x7_s2"
    classifier = "last_linear"

    def __init__(
        self,
        classes: int = 1000,
        in_channels: int = 3,
        dropout: float = 0.0,
        width: float = 1.0,
        blocks: Sequence[str] = tuple(BLOCKS),
    ):
        super().__init__()
        unknown = [block for block in blocks if block not in BLOCKS]
        if unknown:
            raise ValueError(f"bn_inception has no blocks {unknown}; it has {list(BLOCKS)}")
        self.blocks = tuple(blocks)
        self._width = width
        channels = self._conv("conv1_7x7_s2", in_channels, 64, 7, stride=2)
        channels = self._conv("conv2_3x3_reduce", channels, 64, 1)
        channels = self._conv("conv2_3x3", channels, 192, 3)
        for block in self.blocks:
            channels = self._block(block, channels)
        self.dropout = nn.Dropout(dropout)
        self.last_linear = nn.Linear(channels, classes)
        initialise(self)

    def _conv(self, name: str, n_in: int, n_out: int, size: int, stride: int = 1) -> int:
        if self._width != 1.0:
            n_out = max(8, round(n_out * self._width / 8) * 8)
        self.add_module(name, nn.Conv2d(n_in, n_out, size, stride, padding=size // 2))
        self.add_module(f"{name}_bn", nn.BatchNorm2d(n_out, eps=1e-5))
        return n_out

    def _block(self, block: str, n_in: int) -> int:
        single, reduce, out, double_reduce, double, projection = BLOCKS[block]
        name = f"inception_{block}"
        stride = 1 if single else 2
        n_single = self._conv(f"{name}_1x1", n_in, single, 1) if single else 0
        n = self._conv(f"{name}_3x3_reduce", n_in, reduce, 1)
        n_3x3 = self._conv(f"{name}_3x3", n, out, 3, stride)
        n = self._conv(f"{name}_double_3x3_reduce", n_in, double_reduce, 1)
        n = self._conv(f"{name}_double_3x3_1", n, double, 3)
        n_double = self._conv(f"{name}_double_3x3_2", n, double, 3, stride)
        n_pool = self._conv(f"{name}_pool_proj", n_in, projection, 1) if projection else n_in
        return n_single + n_3x3 + n_double + n_pool

    def _apply_conv(self, name: str, x: torch.Tensor) -> torch.Tensor:
        layer, norm = getattr(self, name), getattr(self, f"{name}_bn")
        return F.relu(norm(layer(x)), inplace=True)

    def _apply_block(self, block: str, x: torch.Tensor) -> torch.Tensor:
        name = f"inception_{block}"
        branches = []
        strided = not BLOCKS[block][0]
        height, width = x.shape[-2:]
        if strided and (height % 2 or width % 2):
            # Padded convolutions and unpadded pooling would disagree on the size, in Caffe too.
            raise ValueError(
                f"bn_inception: block {block} cannot halve {width}x{height}; give a multiple of 32"
            )
        if not strided:
            branches.append(self._apply_conv(f"{name}_1x1", x))
        y = self._apply_conv(f"{name}_3x3_reduce", x)
        branches.append(self._apply_conv(f"{name}_3x3", y))
        y = self._apply_conv(f"{name}_double_3x3_reduce", x)
        y = self._apply_conv(f"{name}_double_3x3_1", y)
        branches.append(self._apply_conv(f"{name}_double_3x3_2", y))
        if strided:
            branches.append(F.max_pool2d(x, 3, 2, ceil_mode=True))
        else:
            pooled = F.max_pool2d(x, 3, 1, 1) if block == "5b" else F.avg_pool2d(x, 3, 1, 1)
            branches.append(self._apply_conv(f"{name}_pool_proj", pooled))
        return torch.cat(branches, 1)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) -> (B, 1024, H/32, W/32)."""
        x = self._apply_conv("conv1_7x7_s2", x)
        x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        x = self._apply_conv("conv2_3x3_reduce", x)
        x = self._apply_conv("conv2_3x3", x)
        x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        for block in self.blocks:
            x = self._apply_block(block, x)
        return x
