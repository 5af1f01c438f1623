"""SPMC: Tao et al., "Detail-revealing deep video super-resolution", ICCV 2017.

3 frames of luma; the motion of each neighbour to the centre is estimated at LR; the sub-pixel motion
compensation layer splats the LR pixels of each frame along it onto the HR grid; an encoder, one ConvLSTM
shared over the frames and a decoder with skip links fuse the splatted frames into a residual to the
bicubic centre frame. Chroma is bicubic.

The authors released a frozen graph and a test script, not the model's code, so there is no weight layout
to follow. Settled from the paper, the script, VESPCN (Caballero et al. 2017), whose motion network the
paper uses, and, for the encoder's and decoder's widths and the tanh's gain, a public re-implementation
(W. Tang's VideoSuperResolution):
- Motion: coarse network at 1/4 and fine network at 1/2 of LR (24 filters, kernels 5, 3, 5, 3, 3 and 5, 3, 3,
  3, 3; tanh, pixel shuffle), summed; tanh times `gain` pixels each. Sides are padded by replication to
  multiples of 4, as in the script.
- Splat (paper): LR pixel p goes to 4 * (p + flow) and adds to the 4 nearest HR pixels with
  bilinear weights, without normalisation; what falls outside is dropped.
- Encoder 5x5 f, 3x3 stride 2 2f, 3x3 2f, 3x3 stride 2 4f; ConvLSTM 3x3 4f; decoder 3x3 4f, deconvolution
  4x4 2f, 3x3 2f, deconvolution 4x4 f, 3x3 f, 5x5 1; f = 32; ReLU; skips are sums. The ConvLSTM is the
  one that the script names (BasicConvLSTMCell): no peepholes, forget bias 1, gates from one convolution
  of input and state.
- Frames run in temporal order and the last step's image is the result; at a clip's ends the end frame
  is repeated (script).

Differs: the centre frame's own motion is zero instead of estimated; only the last step is decoded (the
paper also trains on the earlier steps' images, weighted from 0.5 to 1); the last convolution starts near
zero. The paper trains in three phases: the motion network alone on its own loss, the rest with the motion
network fixed, then all on both losses. Here each phase is a model that starts (`init`) from the one
before: `losses: {pixel: null, motion: {weight: 1.0}}`, then `frozen: [motion.]`, then
`losses: {pixel: {}, motion: {}}`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.flow.warp import warp
from pipeline.superres.luma import LUMA_TO_RGB, luma
from pipeline.superres.network import VideoNetwork, in_float32
from pipeline.superres.networks.bicubic import enlarge


def splat(image: Tensor, flow: Tensor, scale: int = 4) -> Tensor:
    """Splat LR pixels along a flow onto a finer grid (the sub-pixel motion compensation layer).

    Pixel (x, y) goes to (scale * (x + u), scale * (y + v)) and is shared out bilinearly among the 4
    pixels around. Differentiable in image and flow. Deterministic on the CPU; on a GPU sums of several
    pixels depend on their order.

    Args:
        image: (B, C, h, w).
        flow: (B, 2, h, w), u first, in LR pixels.
        scale: how much finer the grid is.

    Returns:
        (B, C, scale * h, scale * w), zero where nothing lands.

    Source: Tao et al. 2017, the SPMC layer.
    """
    b, c, h, w = image.shape
    height, width = scale * h, scale * w
    x = scale * (torch.arange(w, device=flow.device, dtype=flow.dtype) + flow[:, 0])  # (B, h, w)
    y = scale * (torch.arange(h, device=flow.device, dtype=flow.dtype)[:, None] + flow[:, 1])
    left, top = x.detach().floor(), y.detach().floor()
    grid = image.new_zeros(b, c, height * width)
    for dy in (0, 1):
        for dx in (0, 1):
            column, row = left + dx, top + dy
            inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
            weight = (1 - (x - column).abs()) * (1 - (y - row).abs()) * inside
            target = (row.clamp(0, height - 1) * width + column.clamp(0, width - 1)).long()
            values = (image * weight[:, None]).flatten(2)
            grid = grid.scatter_add(2, target.view(b, 1, h * w).expand(b, c, -1), values.to(grid.dtype))
    return grid.view(b, c, height, width)


class MotionEstimation(nn.Module):
    """Flow between two luma frames, coarse to fine.

    Args:
        features: filters of a convolution.
        gain: largest flow of each of the two networks in LR pixels.
    """

    def __init__(self, features: int = 24, gain: float = 32.0) -> None:
        super().__init__()
        self.gain = gain
        self.coarse = self._tower(2, features, ((5, 2), (3, 1), (5, 2), (3, 1)), 2 * 4 * 4)
        self.fine = self._tower(5, features, ((5, 2), (3, 1), (3, 1), (3, 1)), 2 * 2 * 2)

    @staticmethod
    def _tower(
        inputs: int, features: int, layers: tuple[tuple[int, int], ...], outputs: int
    ) -> nn.Sequential:
        tower = nn.Sequential()
        for kernel, stride in layers:
            tower.append(nn.Conv2d(inputs, features, kernel, stride, padding=kernel // 2))
            tower.append(nn.ReLU(inplace=True))
            inputs = features
        last = nn.Conv2d(features, outputs, 3, padding=1)
        # Motion starts near zero: tanh times the gain would otherwise scatter pixels far off.
        nn.init.normal_(last.weight, std=1e-3)
        assert last.bias is not None  # by default
        nn.init.zeros_(last.bias)
        return tower.append(last)

    def _flow(self, tower: nn.Sequential, x: Tensor, scale: int) -> Tensor:
        shuffled = F.pixel_shuffle(in_float32(tower[-1], tower[:-1](x)), scale)
        return self.gain * torch.tanh(shuffled)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Flow (B, 2, h, w) in pixels from ``source`` to ``target``, both (B, 1, h, w)."""
        h, w = source.shape[-2:]
        padding = (0, -w % 4, 0, -h % 4)
        pair = F.pad(torch.cat((source, target), 1), padding, mode="replicate")
        coarse = self._flow(self.coarse, pair, 4)
        moved = warp(pair[:, 1:], coarse)
        fine = self._flow(self.fine, torch.cat((pair, moved, coarse / self.gain), 1), 2)
        return (coarse + fine)[..., :h, :w]


class ConvLSTM(nn.Module):
    """One convolutional LSTM cell; state and output have as many channels as the input."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = features
        self.gates = nn.Conv2d(2 * features, 4 * features, 3, padding=1)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Input (B, C, h, w) and (hidden, cell) to the next (hidden, cell)."""
        hidden, cell = state
        enter, new, forget, leave = self.gates(torch.cat((x, hidden), 1)).split(self.features, 1)
        cell = torch.sigmoid(forget + 1) * cell + torch.sigmoid(enter) * torch.tanh(new)
        return torch.sigmoid(leave) * torch.tanh(cell), cell


class DetailFusion(nn.Module):
    """Encoder, ConvLSTM over the frames, decoder with skips."""

    def __init__(self, features: int) -> None:
        super().__init__()
        f = features
        self.encoder1 = nn.Conv2d(1, f, 5, padding=2)
        self.encoder2 = nn.Conv2d(f, 2 * f, 3, stride=2, padding=1)
        self.encoder3 = nn.Conv2d(2 * f, 2 * f, 3, padding=1)
        self.encoder4 = nn.Conv2d(2 * f, 4 * f, 3, stride=2, padding=1)
        self.lstm = ConvLSTM(4 * f)
        self.decoder1 = nn.Conv2d(4 * f, 4 * f, 3, padding=1)
        self.enlarge1 = nn.ConvTranspose2d(4 * f, 2 * f, 4, stride=2, padding=1)
        self.decoder2 = nn.Conv2d(2 * f, 2 * f, 3, padding=1)
        self.enlarge2 = nn.ConvTranspose2d(2 * f, f, 4, stride=2, padding=1)
        self.decoder3 = nn.Conv2d(f, f, 3, padding=1)
        self.decoder4 = nn.Conv2d(f, 1, 5, padding=2)
        nn.init.normal_(self.decoder4.weight, std=1e-3)
        assert self.decoder4.bias is not None  # by default
        nn.init.zeros_(self.decoder4.bias)

    def forward(self, frames: Tensor) -> Tensor:
        """Splatted luma (B, T, 1, H, W) to the residual (B, 1, H, W); H and W multiples of 4."""
        state: tuple[Tensor, Tensor] | None = None
        for frame in frames.unbind(1):
            full = torch.relu(self.encoder1(frame))
            half = torch.relu(self.encoder3(torch.relu(self.encoder2(full))))
            quarter = torch.relu(self.encoder4(half))
            if state is None:
                state = (torch.zeros_like(quarter), torch.zeros_like(quarter))
            state = self.lstm(quarter, state)
        assert state is not None  # there is at least one frame
        x = torch.relu(self.enlarge1(torch.relu(self.decoder1(state[0]))))
        x = torch.relu(self.enlarge2(torch.relu(self.decoder2(x + half))))
        x = torch.relu(self.decoder3(x + full))
        return in_float32(self.decoder4, x)


class SPMC(VideoNetwork):
    """Detail-revealing video SR on luma.

    Args:
        features: filters of the encoder's first convolution; the ConvLSTM has 4 times as many.
        motion_features: filters of the motion networks.
        gain: largest flow of each motion network in LR pixels.
    """

    frames = 3
    temporal_padding = "replicate"
    estimates_motion = True

    def __init__(self, features: int = 32, motion_features: int = 24, gain: float = 32.0) -> None:
        super().__init__()
        self.motion = MotionEstimation(motion_features, gain)
        self.fusion = DetailFusion(features)

    def flows(self, y: Tensor) -> Tensor:
        """Flows (B, 3, 2, h, w) of luma frames (B, 3, 1, h, w) to their centre; the centre's is zero."""
        b, _, _, h, w = y.shape
        neighbours = torch.cat((y[:, 0], y[:, 2]))  # one call for both neighbours
        before, after = self.motion(neighbours, y[:, 1].repeat(2, 1, 1, 1)).split(b)
        return torch.stack((before, before.new_zeros(b, 2, h, w), after), 1)

    def super_resolve(self, lr: Tensor) -> Tensor:
        """Super-resolve the centre of LR frames (B, 3, 3, h, w) to (B, 3, 4h, 4w)."""
        y = luma(lr)  # (B, 3, 1, h, w)
        moved = splat(y.flatten(0, 1), self.flows(y).flatten(0, 1))
        residual = self.fusion(moved.unflatten(0, y.shape[:2]))
        return enlarge(lr[:, 1]) + LUMA_TO_RGB * residual
