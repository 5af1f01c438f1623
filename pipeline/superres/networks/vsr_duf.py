"""VSR-DUF: Jo et al., "Deep video super-resolution network using dynamic upsampling filters without
explicit motion compensation", CVPR 2018. ToSR is VSR-DUF-16 trained with the warp loss.

7 frames; densely connected 3-D convolutions that keep time, three more that shorten it from 7 to 1; one
branch makes 25 x s^2 filter weights for each LR pixel, which filter the centre frame (one 5x5 filter for
each of the 16 sub-pixels, the same for R, G and B), the other a residual image.

Details settled (from the release, TensorFlow, yhjo09/VSR-DUF):
- A dense unit is BN, ReLU, 1x1x1 conv, BN, ReLU, 3x3x3 conv, beside its input. BN epsilon 1e-3 (BasicSR
  trains its port with 1e-5: `epsilon`). Zero padding in space everywhere; zero padding in time in the first
  block only; biases everywhere.
- 16 layers: 3 + 3 units, growth 32. 28: 9 + 3 and 52: 21 + 3, growth 16. Head of 256 channels, 512
  before the filters. 1,900,640, 2,118,432 and 5,821,952 parameters.
- Channel k * 16 + s of the filter branch is tap k of sub-pixel s; taps and sub-pixels run row by row;
  softmax over the 25 taps, so each filter sums to one. Zero padding of the frame that is filtered.
- BN's running statistics: decay 0.999, without the bias of their start (TensorFlow's `zero_debias`).
- At a clip's ends the missing frames are zero (black), as in the release's test script.
- For x2 and x3 the two heads have 4 and 9 sub-pixels in place of 16.
- Names and channel order of the PyTorch port (BasicSR): `conv3d1`, `dense_block1.dense_blocks.N`,
  `dense_block2.temporal_reduceN`, `bn3d2`, `conv3d2`, `conv3d_r1`, ...; residual channel c * 16 + s is
  colour c of sub-pixel s (the release: s * 3 + c, to be permuted by whoever converts its h5).

Differs: the running variance is of the unbiased estimate (PyTorch), by 1 part in the batch's pixels.
`start="bilinear"` begins with bilinear filters and no residual, for short trainings; the release's
He initialisation is the default. `learned_expansion` makes the 5x5 expansion filters, one set a colour
channel, parameters, as the authors' ToSR has them.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.superres.network import VideoNetwork, in_float32

TAPS = 5
LAYOUTS = {16: (3, 32), 28: (9, 16), 52: (21, 16)}
"""Units that keep time, and growth, for each published depth."""


class DebiasedBatchNorm3d(nn.BatchNorm3d):
    """Batch normalisation whose running statistics start without bias.

    After n steps they are the exponentially weighted mean of those n steps, not of n steps and the
    initial 0 and 1, as with ``zero_debias`` of the release's framework.
    """

    steps: int | None = None
    """Copy of ``num_batches_tracked`` on the CPU, because reading it from a GPU would synchronise."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, t, h, w) to the same."""
        if not self.training:
            return super().forward(x)
        momentum = self.momentum
        assert momentum is not None  # as all networks here are made
        assert self.num_batches_tracked is not None
        self.steps = (int(self.num_batches_tracked) if self.steps is None else self.steps) + 1
        self.momentum = momentum / (1 - (1 - momentum) ** self.steps)
        try:
            return super().forward(x)
        finally:
            self.momentum = momentum

    def _load_from_state_dict(self, *arguments: Any) -> None:
        super()._load_from_state_dict(*arguments)
        self.steps = None


class DenseUnit(nn.Sequential):
    """BN, ReLU, 1x1x1 conv, BN, ReLU, 3x3x3 conv with or without padding in time."""

    def __init__(self, inputs: int, growth: int, pad_time: bool, norm: dict[str, Any]) -> None:
        super().__init__(
            DebiasedBatchNorm3d(inputs, **norm),
            nn.ReLU(inplace=True),
            nn.Conv3d(inputs, inputs, 1),
            DebiasedBatchNorm3d(inputs, **norm),
            nn.ReLU(inplace=True),
            nn.Conv3d(inputs, growth, 3, padding=(int(pad_time), 1, 1)),
        )


class DenseBlock(nn.Module):
    """Dense units that preserve the number of frames."""

    def __init__(self, inputs: int, growth: int, units: int, norm: dict[str, Any]) -> None:
        super().__init__()
        self.dense_blocks = nn.ModuleList(
            DenseUnit(inputs + index * growth, growth, True, norm) for index in range(units)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, t, h, w) to (B, C + units * growth, t, h, w)."""
        for unit in self.dense_blocks:
            x = torch.cat((x, unit(x)), 1)
        return x


class TemporalReduce(nn.Module):
    """Three dense units, each of which removes a frame at both ends."""

    temporal_reduce1: DenseUnit
    temporal_reduce2: DenseUnit
    temporal_reduce3: DenseUnit

    def __init__(self, inputs: int, growth: int, norm: dict[str, Any]) -> None:
        super().__init__()
        for index in range(3):
            unit = DenseUnit(inputs + index * growth, growth, False, norm)
            self.add_module(f"temporal_reduce{index + 1}", unit)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 7, h, w) to (B, C + 3 * growth, 1, h, w)."""
        for unit in (self.temporal_reduce1, self.temporal_reduce2, self.temporal_reduce3):
            x = torch.cat((x[:, :, 1:-1], unit(x)), 1)
        return x


class DynamicFilter(nn.Module):
    """Filter a frame with a filter for each pixel and sub-pixel.

    Args:
        learned: whether the expansion of a pixel into its 5x5 neighbourhood is a trained convolution
            (75, 1, 5, 5), 25 filters a colour, that starts as the plain neighbourhood.
    """

    def __init__(self, learned: bool = False) -> None:
        super().__init__()
        self.learned = learned
        if learned:
            identity = torch.eye(TAPS * TAPS).view(TAPS * TAPS, 1, TAPS, TAPS)
            self.expansion_filter = nn.Parameter(identity.repeat(3, 1, 1, 1))

    def forward(self, frame: Tensor, filters: Tensor) -> Tensor:
        """Filter (B, 3, h, w) by (B, 25, s^2, h, w) to (B, 3 s^2, h, w), channel c * s^2 + sub-pixel."""
        b, _, h, w = frame.shape
        if self.learned:
            taps = F.conv2d(frame, self.expansion_filter, padding=TAPS // 2, groups=3)
        else:
            taps = F.unfold(frame, TAPS, padding=TAPS // 2)
        taps = taps.view(b, 3, TAPS * TAPS, h * w)
        filters = filters.reshape(b, TAPS * TAPS, -1, h * w)
        # One fused multiply-add per tap keeps pixels innermost and avoids a transposed copy of the filters.
        out = taps[:, :, 0, None] * filters[:, None, 0]
        for tap in range(1, TAPS * TAPS):
            out = torch.addcmul(out, taps[:, :, tap, None], filters[:, None, tap])
        return out.reshape(b, -1, h, w)


class VSRDUF(VideoNetwork):
    """Video SR by dynamic upsampling filters.

    Args:
        depth: 16, 28 or 52 layers, as published.
        units: dense units that preserve the number of frames; None: as for ``depth``.
        growth: channels that a unit adds; None: as for ``depth``.
        features: channels of the first convolution.
        head: channels after the dense blocks; the filter branch has twice as many.
        momentum: 1 - decay of BN's running statistics; short trainings need about 0.1.
        epsilon: of BN; 1e-3 for the published weights, 1e-5 for those that BasicSR trained from scratch.
        learned_expansion: see ``DynamicFilter``.
        start: initialisation, "he" or "bilinear".
        scale: enlargement.
    """

    scales = (2, 3, 4)

    frames = 7
    temporal_padding = "zero"
    start_args = ("learned_expansion",)

    def __init__(
        self,
        depth: int = 52,
        units: int | None = None,
        growth: int | None = None,
        features: int = 64,
        head: int = 256,
        momentum: float = 1e-3,
        epsilon: float = 1e-3,
        learned_expansion: bool = False,
        start: Literal["he", "bilinear"] = "he",
        scale: int = 4,
    ) -> None:
        super().__init__()
        if depth not in LAYOUTS:
            raise ValueError(f"depth is {depth}, but must be one of {sorted(LAYOUTS)}")
        if start not in ("he", "bilinear"):
            raise ValueError(f"start is {start!r}, but must be 'he' or 'bilinear'")
        self.scale = scale
        subpixels = scale * scale
        units = LAYOUTS[depth][0] if units is None else units
        growth = LAYOUTS[depth][1] if growth is None else growth
        kept = features + units * growth
        channels = kept + 3 * growth
        self.conv3d1 = nn.Conv3d(3, features, (1, 3, 3), padding=(0, 1, 1))
        norm: dict[str, Any] = {"eps": epsilon, "momentum": momentum}
        self.dense_block1 = DenseBlock(features, growth, units, norm)
        self.dense_block2 = TemporalReduce(kept, growth, norm)
        self.bn3d2 = DebiasedBatchNorm3d(channels, **norm)
        self.conv3d2 = nn.Conv3d(channels, head, (1, 3, 3), padding=(0, 1, 1))
        self.conv3d_r1 = nn.Conv3d(head, head, 1)
        self.conv3d_r2 = nn.Conv3d(head, 3 * subpixels, 1)
        self.conv3d_f1 = nn.Conv3d(head, 2 * head, 1)
        self.conv3d_f2 = nn.Conv3d(2 * head, TAPS * TAPS * subpixels, 1)
        self.dynamic_filter = DynamicFilter(learned_expansion)
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                assert module.bias is not None  # by default
                nn.init.zeros_(module.bias)
        if start == "bilinear":
            self._start_bilinear()

    def _start_bilinear(self) -> None:
        """Biases that softmax turns into bilinear filters; weights near zero; no residual."""
        offsets = (
            torch.arange(self.scale) + 0.5
        ) / self.scale - 0.5  # of sub-pixels from the LR pixel's centre
        taps = torch.arange(TAPS) - TAPS // 2
        tent = (1 - (offsets[None] - taps[:, None]).abs()).clamp(min=0)  # (tap, sub-pixel) of one axis
        filters = torch.einsum("ai,bj->abij", tent, tent).reshape(-1)
        bias = self.conv3d_f2.bias
        assert bias is not None  # by default
        with torch.no_grad():
            bias.copy_(torch.log(filters + 1e-3))
            self.conv3d_f2.weight.mul_(0.1)
            self.conv3d_r2.weight.zero_()

    def filters_and_residual(self, lr: Tensor) -> tuple[Tensor, Tensor]:
        """Filters (B, 25, s^2, h, w) and residual (B, 3 s^2, h, w) of frames (B, 7, 3, h, w)."""
        b, _, _, h, w = lr.shape
        x = self.conv3d1(lr.transpose(1, 2))  # (B, C, 7, h, w)
        x = self.dense_block2(self.dense_block1(x))  # (B, C, 1, h, w)
        x = torch.relu_(self.conv3d2(torch.relu_(self.bn3d2(x))))
        residual = in_float32(self.conv3d_r2, torch.relu_(self.conv3d_r1(x)))
        logits = in_float32(self.conv3d_f2, torch.relu_(self.conv3d_f1(x)))
        filters = torch.softmax(logits.view(b, TAPS * TAPS, -1, h, w), dim=1)
        return filters, residual[:, :, 0]

    def super_resolve(self, lr: Tensor) -> Tensor:
        """Super-resolve the centre of LR frames (B, 7, 3, h, w) to (B, 3, s h, s w)."""
        filters, residual = self.filters_and_residual(lr)
        with torch.autocast(lr.device.type, enabled=False):
            out = self.dynamic_filter(lr[:, self.frames // 2], filters) + residual
        return F.pixel_shuffle(out, self.scale)
