"""FlowNet2 (Ilg et al., "FlowNet 2.0: Evolution of optical flow estimation with deep networks", CVPR 2017) in
plain torch, in the layout of the published PyTorch checkpoints: the whole stack, its parts CS and CSS, and
the single networks C, S and SD.

The networks, their order and every constant are those of the published PyTorch implementation without
batch normalisation: FlowNetC -> FlowNetS -> FlowNetS beside FlowNetSD, then fusion; 162,518,834
parameters. Its CUDA extensions (correlation, resampling, channel norm) are plain torch here.

Details settled there:
- The mean colour of both frames together is subtracted, then white is divided out; input is RGB.
- Flow is enlarged by 4 bilinearly after C and the first S and in the single networks, by repetition after
  the second S and SD (so CSS ends in repetition). Bilinear is torch's default ``align_corners=False``; torch
  before 0.4 knew only True, which ``align_corners=True`` gives.
- Flow is the network's output times 20, but SD's inside the stack is divided by 20 (alone: times 20).
- Resampling: pixel x of the result reads x + flow, no half-pixel shift; places outside take the border's
  value. Channel norm: square root of the sum of squares, without epsilon.

Differs: sides must be multiples of 64. The published PyTorch test code crops the centre of other images. We
follow the original Caffe test code, because patches need flow everywhere: frames are enlarged to the next
multiple with bilinear interpolation, and the flow is resized back and scaled.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline import config
from pipeline.flow.flownet_networks import FlowNetC, FlowNetFusion, FlowNetS, FlowNetSD
from pipeline.flow.flownet_parts import channel_norm
from pipeline.flow.pairs import Engine
from pipeline.flow.warp import warp
from pipeline.training.torch_settings import torch_settings
from pipeline.weights.checkpoint import load_weights

if TYPE_CHECKING:
    from pipeline.flow.request import ExtractTrainingFlow

DIV_FLOW = 20.0
MULTIPLE = 64


class FlowNet2CS(nn.Module):
    """FlowNetC, then a FlowNetS: pair (B, 3, 2, H, W), RGB in [0, rgb_max] -> flow (B, 2, H, W) in pixels.

    Args:
        rgb_max: value of white.
        align_corners: how flow is enlarged bilinearly (see the top of this file).
    """

    def __init__(self, rgb_max: float = 255.0, align_corners: bool = False) -> None:
        super().__init__()
        self.rgb_max, self.align_corners = rgb_max, align_corners
        self.flownetc = FlowNetC()
        self.flownets_1 = FlowNetS()

    def forward(self, pair: Tensor) -> Tensor:
        """Flow (B, 2, H, W) of a pair; raises ValueError as ``normalise``."""
        return self.large_motion(normalise(pair, self.rgb_max))

    def large_motion(self, images: Tensor) -> Tensor:
        """Flow of normalised images (B, 6, H, W)."""
        flow = _smooth(self.flownetc(images) * DIV_FLOW, self.align_corners)
        return _smooth(self.flownets_1(explained(images, flow)) * DIV_FLOW, self.align_corners)


class FlowNet2CSS(FlowNet2CS):
    """FlowNetC, then two FlowNetS."""

    def __init__(self, rgb_max: float = 255.0, align_corners: bool = False) -> None:
        super().__init__(rgb_max, align_corners)
        self.flownets_2 = FlowNetS()

    def large_motion(self, images: Tensor) -> Tensor:
        """Flow of normalised images (B, 6, H, W)."""
        flow = super().large_motion(images)
        return F.interpolate(self.flownets_2(explained(images, flow)) * DIV_FLOW, scale_factor=4)


class FlowNet2(FlowNet2CSS):
    """The whole stack: CSS for large motion, FlowNetSD for small, and the fusion of both."""

    def __init__(self, rgb_max: float = 255.0, align_corners: bool = False) -> None:
        super().__init__(rgb_max, align_corners)
        self.flownets_d = FlowNetSD()
        self.flownetfusion = FlowNetFusion()

    def forward(self, pair: Tensor) -> Tensor:
        """Flow (B, 2, H, W) of a pair; raises ValueError as ``normalise``."""
        images = normalise(pair, self.rgb_max)  # (B, 6, H, W)
        first, second = images[:, :3], images[:, 3:]
        large = self.large_motion(images)
        small = F.interpolate(self.flownets_d(images) / DIV_FLOW, scale_factor=4)
        large_error = channel_norm(first - warp(second, large))
        small_error = channel_norm(first - warp(second, small))
        norms = (channel_norm(small), channel_norm(large))
        return self.flownetfusion(torch.cat((first, small, large, *norms, small_error, large_error), 1))


class Single(nn.Module):
    """Makes a part of FlowNet2 a separate network with the same interface: a pair to flow in pixels."""

    rgb_max, align_corners = 255.0, False

    def forward(self, pair: Tensor) -> Tensor:
        """Flow (B, 2, H, W) of a pair (B, 3, 2, H, W); raises ValueError as ``normalise``."""
        flow = super().forward(normalise(pair, self.rgb_max)) * DIV_FLOW
        return _smooth(flow, self.align_corners)


class FlowNet2C(Single, FlowNetC):
    """FlowNetC alone."""


class FlowNet2S(Single, FlowNetS):
    """FlowNetS alone, on the two images."""

    def __init__(self) -> None:
        super().__init__(channels=6)


class FlowNet2SD(Single, FlowNetSD):
    """FlowNetSD alone."""


NETWORKS: dict[str, type[nn.Module]] = {
    "flownet2": FlowNet2,
    "flownet2_c": FlowNet2C,
    "flownet2_s": FlowNet2S,
    "flownet2_sd": FlowNet2SD,
    "flownet2_cs": FlowNet2CS,
    "flownet2_css": FlowNet2CSS,
}
"""Networks by their names in ``flow.flownet2.network``; the keys are those of the published checkpoints."""


def _smooth(flow: Tensor, align_corners: bool) -> Tensor:
    return F.interpolate(flow, scale_factor=4, mode="bilinear", align_corners=align_corners)


def normalise(pair: Tensor, rgb_max: float) -> Tensor:
    """Subtract the mean colour of both frames, scale, and stack: (B, 3, 2, H, W) -> (B, 6, H, W).

    Raises:
        ValueError: another shape, or sides that are not multiples of 64.
    """
    if pair.ndim != 5 or pair.shape[1:3] != (3, 2) or any(side % MULTIPLE for side in pair.shape[3:]):
        raise ValueError(
            f"FlowNet2 takes (B, 3, 2, H, W), H and W multiples of {MULTIPLE}, got {tuple(pair.shape)}"
        )
    centred = (pair - pair.mean((2, 3, 4), keepdim=True)) / rgb_max
    return torch.cat((centred[:, :, 0], centred[:, :, 1]), 1)


def explained(images: Tensor, flow: Tensor) -> Tensor:
    """Input of a following FlowNetS (12 channels): images, warped second image, flow / 20, its error."""
    warped = warp(images[:, 3:], flow)
    error = channel_norm(images[:, :3] - warped)
    return torch.cat((images, warped, flow / DIV_FLOW, error), 1)


def flownet2_flow(model: nn.Module, frame0: np.ndarray, frame1: np.ndarray) -> np.ndarray:
    """Flow from ``frame0`` to ``frame1``, RGB (h, w, 3) uint8 of any size: (2, h, w) float32 in pixels.

    ``model`` is one of ``NETWORKS``.

    Raises:
        ValueError: the frames are not RGB uint8 of one size.
    """
    if frame0.shape != frame1.shape or frame0.ndim != 3 or frame0.shape[2] != 3:
        raise ValueError(
            f"flow needs two RGB frames (h, w, 3) of one size, got {frame0.shape}, {frame1.shape}"
        )
    if frame0.dtype != np.uint8 or frame1.dtype != np.uint8:
        raise ValueError(f"frames must be uint8, but are {frame0.dtype} and {frame1.dtype}")
    height, width = frame0.shape[:2]
    device = next(model.parameters()).device
    frames = torch.from_numpy(np.stack((frame0, frame1))).to(device).permute(0, 3, 1, 2).float()
    size = [-(-side // MULTIPLE) * MULTIPLE for side in (height, width)]
    if size != [height, width]:
        frames = F.interpolate(frames, size, mode="bilinear", align_corners=False)
    with torch.inference_mode():
        flow = model(frames.permute(1, 0, 2, 3)[None])
        if size != [height, width]:
            flow = F.interpolate(flow, (height, width), mode="bilinear", align_corners=False)
            flow = flow * flow.new_tensor([width / size[1], height / size[0]])[:, None, None]
    return flow[0].cpu().numpy()


@contextmanager
def load_engine(request: ExtractTrainingFlow, weights: Path | None) -> Iterator[Engine]:
    """FlowNet2, or a part of it, on colour frames; always in float32."""
    if weights is None:
        raise FileNotFoundError(
            "patches.spatial_flow is flownet2, but flow.flownet2.weights is not set; give the published "
            "checkpoint (FlowNet2_checkpoint.pth.tar), or set patches.spatial_flow to tvl1"
        )
    # A request for this engine has both.
    assert request.compute is not None
    assert request.flownet2 is not None
    with torch_settings(config.Inference(**dict(request.compute), precision="float32")) as device:
        model = load_flownet2(weights, request.flownet2.network).to(device)
        yield Engine(lambda frame: frame, lambda first, second: flownet2_flow(model, first, second))


def load_flownet2(path: Path, network: str = "flownet2") -> nn.Module:
    """A network of ``NETWORKS`` with the weights of its checkpoint, published or imported.

    Raises:
        FileNotFoundError: there is no such file.
        WeightsError: keys are missing, unexpected or of another shape; all are listed.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"no FlowNet2 checkpoint at {path}; get FlowNet2_checkpoint.pth.tar (NVIDIA's flownet2-pytorch) "
            "and set flow.flownet2.weights, or use TV-L1 (patches.spatial_flow: tvl1)"
        )
    model = NETWORKS[network]().eval()
    load_weights(model, path, network)
    return model
