"""ST-ResNet (Feichtenhofer, Pinz, Wildes 2016): two residual networks joined by motion injection.

Settled as in the authors' released network surgery:

- Injection: the first unit of each of conv2 to conv5 gives x_a before its ReLU (appearance) and relu(x_m)
  (motion); the next unit of the appearance network then computes
  ``relu(x_a) + F(x_a + relu(x_m))``: motion enters its residual branch, never its shortcut, and x_a enters
  the branch without its ReLU.
- Temporal convolutions: in both networks, both 1x1 convolutions of each stage's second unit ("b") cover three
  frames (3x1x1, zeros beyond the ends), initialised with the 1x1 kernel / 3 at each of them. So on a still
  clip all frames except those near the ends start with the frame-wise network's response.
- Stage 2: max-pooling over time, 5 frames wide, stride 2, after conv5 of both networks; otherwise time is
  kept. Each remaining time step has its own scores; at test they are averaged.
- Both networks keep their classifiers: each is trained with its own softmax at every time step, and at test
  the scores are averaged.

In small networks whose stages have a single unit, that unit has both: the sum goes through the activation to
the next layer, and its convolutions without stride become temporal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import torch
import torch.nn.functional as F
from torch import nn

from pipeline.recognition.backbone import Backbone, JointNetwork, Unit

if TYPE_CHECKING:

    class UnitBackbone(Backbone):
        """A backbone of residual units, as ``Backbone`` describes it."""

        @property
        def stages(self) -> Sequence[Sequence[Unit]]: ...

        def stem(self, x: torch.Tensor) -> torch.Tensor: ...

        def neck(self, x: torch.Tensor) -> torch.Tensor: ...


class TemporalPointwise(nn.Module):
    """A 3x1x1 convolution over (clips x frames, C, H, W), initialised from a 1x1 convolution.

    ``frames`` is set by the network before each pass.
    """

    def __init__(self, layer: nn.Conv2d):
        super().__init__()
        kernel = layer.weight.detach()[..., 0]  # (O, C, 1)
        self.weight = nn.Parameter((kernel / 3).repeat(1, 1, 3)[..., None])  # (O, C, 3, 1)
        self.bias = None if layer.bias is None else nn.Parameter(layer.bias.detach().clone())
        self.frames = 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(clips x frames, C, H, W) -> (clips x frames, O, H, W); zeros before the first, after the last."""
        n, channels, height, width = x.shape
        time = x.reshape(-1, self.frames, channels, height * width).transpose(1, 2)
        out = F.conv2d(time, self.weight, self.bias, padding=(1, 0))  # (clips, O, frames, H W)
        return out.transpose(1, 2).reshape(n, -1, height, width)


class STResNet(JointNetwork):
    """Two backbones with ``stages`` of residual units, whose modules it uses and modifies.

    ``temporal_pool``: use stage 2's max-pooling over time. Raises ValueError for a backbone without residual
    units.
    """

    def __init__(self, appearance: Backbone, motion: Backbone, temporal_pool: bool):
        super().__init__()
        for backbone in (appearance, motion):
            if not hasattr(backbone, "stages"):
                name = type(backbone).__name__
                raise ValueError(f"ST-ResNet needs residual units, which {name} lacks; use resnet50")
        self.appearance, self.motion = cast("UnitBackbone", appearance), cast("UnitBackbone", motion)
        self.temporal_pool = temporal_pool
        for backbone in (self.appearance, self.motion):
            for units in backbone.stages:
                self._make_temporal(units[min(1, len(units) - 1)])

    @property
    def backbones(self) -> tuple[Backbone, Backbone]:
        """Appearance and motion."""
        return self.appearance, self.motion

    @staticmethod
    def _make_temporal(unit: Unit) -> None:
        for name in unit.pointwise:
            layer = cast(nn.Conv2d, unit.get_submodule(name))
            if layer.stride == (1, 1):
                setattr(unit, name, TemporalPointwise(layer))

    def _pool_time(self, features: torch.Tensor, frames: int) -> torch.Tensor:
        if not self.temporal_pool:
            return features
        n, channels, height, width = features.shape
        time = features.reshape(n // frames, frames, channels * height * width).transpose(1, 2)
        pooled = F.max_pool1d(time, min(5, frames), 2)  # (clips, C H W, frames')
        return pooled.transpose(1, 2).reshape(-1, channels, height, width)

    def forward(self, frames: torch.Tensor, flow: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """``step_scores`` averaged over time: each (B, classes)."""
        appearance, motion = self.step_scores(frames, flow)
        return appearance.mean(1), motion.mean(1)

    def step_scores(self, frames: torch.Tensor, flow: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Scores of both classifiers at every time step, each (B, steps, classes), before softmax.

        frames: (B, T, 3, H, W); flow: (B, T, 2 x stack, H, W), the fields around each frame; normalised.
        There are T steps, or (T - 5) // 2 + 1 after pooling over time.
        """
        clips, count = frames.shape[:2]
        for module in self.modules():
            if isinstance(module, TemporalPointwise):
                module.frames = count
        a = self.appearance.stem(frames.flatten(0, 1))
        m = self.motion.stem(flow.flatten(0, 1))
        for units_a, units_m in zip(self.appearance.stages, self.motion.stages, strict=True):
            branch = None
            for index, (unit_a, unit_m) in enumerate(zip(units_a, units_m, strict=True)):
                joined = unit_a.join(a, branch)
                m = unit_m(m)
                branch = joined + m if index == 0 else None
                a = unit_a.activation(branch if branch is not None and len(units_a) == 1 else joined)
        scores = []
        for backbone, features in ((self.appearance, a), (self.motion, m)):
            pooled = self._pool_time(backbone.neck(features), count)
            scores.append(backbone.head(pooled).unflatten(0, (clips, -1)))
        return scores[0], scores[1]
