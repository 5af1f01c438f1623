"""FlowNet2 (Ilg et al. 2017) in plain torch, in the layout of the published PyTorch checkpoint.

The networks, their order and every constant are those of the published PyTorch implementation without
batch normalisation: FlowNetC -> FlowNetS -> FlowNetS beside FlowNetSD, then fusion; 162,518,834
parameters. Its CUDA extensions (correlation, resampling, channel norm) are plain torch here.

Open details, as found there: bilinear enlargement with torch's default ``align_corners=False`` (torch
before 0.4 knew only True; ``FlowNet2(align_corners=True)`` gives that); FlowNetSD's flow is divided by
20, FlowNetS's is multiplied; the up-convolutions of flow in FlowNetS have no bias; input is RGB.

Sides must be multiples of 64. The published PyTorch test code cuts the middle out of other images; we
do what the original Caffe test code does, because patches need flow everywhere: frames are enlarged to
the next multiple with bilinear interpolation, flow is brought back and scaled.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline import config
from pipeline.flow.flownet_parts import (
    Refinement,
    channel_norm,
    conv,
    correlate,
    deconv,
    plain_conv,
    predict_flow,
    upsample_flow,
)
from pipeline.flow.pairs import Engine
from pipeline.flow.warp import warp
from pipeline.weights.checkpoint import load_weights

DIV_FLOW = 20.0
MULTIPLE = 64


class FlowNetC(Refinement):
    """Correlation network: pair (B, 6, H, W) -> flow / 20 at a quarter of the size."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2, self.conv3 = conv(3, 64, 7, 2), conv(64, 128, 5, 2), conv(128, 256, 5, 2)
        self.conv_redir = conv(256, 32, 1)
        self.conv3_1 = conv(473, 256)
        self.conv4, self.conv4_1 = conv(256, 512, 3, 2), conv(512, 512)
        self.conv5, self.conv5_1 = conv(512, 512, 3, 2), conv(512, 512)
        self.conv6, self.conv6_1 = conv(512, 1024, 3, 2), conv(1024, 1024)

    def forward(self, pair: Tensor) -> Tensor:
        second1 = self.conv2(self.conv1(pair[:, :3]))
        third1 = self.conv3(second1)
        third2 = self.conv3(self.conv2(self.conv1(pair[:, 3:])))
        correlation = F.leaky_relu(correlate(third1, third2), 0.1)  # (B, 441, H/8, W/8)
        third = self.conv3_1(torch.cat((self.conv_redir(third1), correlation), 1))
        fourth = self.conv4_1(self.conv4(third))
        fifth = self.conv5_1(self.conv5(fourth))
        sixth = self.conv6_1(self.conv6(fifth))
        return self.refine(sixth, {5: fifth, 4: fourth, 3: third, 2: second1})


class FlowNetS(Refinement):
    """Simple network: (B, channels, H, W) -> flow / 20 at a quarter of the size."""

    def __init__(self, channels: int = 12) -> None:
        super().__init__(upsample_bias=False)
        self.conv1, self.conv2 = conv(channels, 64, 7, 2), conv(64, 128, 5, 2)
        self.conv3, self.conv3_1 = conv(128, 256, 5, 2), conv(256, 256)
        self.conv4, self.conv4_1 = conv(256, 512, 3, 2), conv(512, 512)
        self.conv5, self.conv5_1 = conv(512, 512, 3, 2), conv(512, 512)
        self.conv6, self.conv6_1 = conv(512, 1024, 3, 2), conv(1024, 1024)

    def forward(self, inputs: Tensor) -> Tensor:
        second = self.conv2(self.conv1(inputs))
        third = self.conv3_1(self.conv3(second))
        fourth = self.conv4_1(self.conv4(third))
        fifth = self.conv5_1(self.conv5(fourth))
        sixth = self.conv6_1(self.conv6(fifth))
        return self.refine(sixth, {5: fifth, 4: fourth, 3: third, 2: second})


class FlowNetSD(Refinement):
    """Small-displacement network: pair (B, 6, H, W) -> flow at a quarter of the size."""

    def __init__(self) -> None:
        super().__init__(inter_conv=True)
        self.conv0 = conv(6, 64)
        self.conv1, self.conv1_1 = conv(64, 64, 3, 2), conv(64, 128)
        self.conv2, self.conv2_1 = conv(128, 128, 3, 2), conv(128, 128)
        self.conv3, self.conv3_1 = conv(128, 256, 3, 2), conv(256, 256)
        self.conv4, self.conv4_1 = conv(256, 512, 3, 2), conv(512, 512)
        self.conv5, self.conv5_1 = conv(512, 512, 3, 2), conv(512, 512)
        self.conv6, self.conv6_1 = conv(512, 1024, 3, 2), conv(1024, 1024)

    def forward(self, pair: Tensor) -> Tensor:
        first = self.conv1_1(self.conv1(self.conv0(pair)))
        second = self.conv2_1(self.conv2(first))
        third = self.conv3_1(self.conv3(second))
        fourth = self.conv4_1(self.conv4(third))
        fifth = self.conv5_1(self.conv5(fourth))
        sixth = self.conv6_1(self.conv6(fifth))
        return self.refine(sixth, {5: fifth, 4: fourth, 3: third, 2: second})


class FlowNetFusion(nn.Module):
    """Fusion network: both flows and what they explain (B, 11, H, W) -> flow (B, 2, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv0 = conv(11, 64)
        self.conv1, self.conv1_1 = conv(64, 64, 3, 2), conv(64, 128)
        self.conv2, self.conv2_1 = conv(128, 128, 3, 2), conv(128, 128)
        self.deconv1, self.deconv0 = deconv(128, 32), deconv(162, 16)
        self.inter_conv1, self.inter_conv0 = plain_conv(162, 32), plain_conv(82, 16)
        self.predict_flow2, self.predict_flow1 = predict_flow(128), predict_flow(32)
        self.predict_flow0 = predict_flow(16)
        self.upsampled_flow2_to_1, self.upsampled_flow1_to_0 = upsample_flow(), upsample_flow()

    def forward(self, inputs: Tensor) -> Tensor:
        full = self.conv0(inputs)
        half = self.conv1_1(self.conv1(full))
        quarter = self.conv2_1(self.conv2(half))
        flow2 = self.predict_flow2(quarter)
        half = torch.cat((half, self.deconv1(quarter), self.upsampled_flow2_to_1(flow2)), 1)
        flow1 = self.predict_flow1(self.inter_conv1(half))
        full = torch.cat((full, self.deconv0(half), self.upsampled_flow1_to_0(flow1)), 1)
        return self.predict_flow0(self.inter_conv0(full))


class FlowNet2(nn.Module):
    """The whole stack: pair (B, 3, 2, H, W), RGB in [0, rgb_max] -> flow (B, 2, H, W) in pixels.

    Args:
        rgb_max: value of white.
        align_corners: how flow is enlarged bilinearly (see the top of this file).
    """

    def __init__(self, rgb_max: float = 255.0, align_corners: bool = False) -> None:
        super().__init__()
        self.rgb_max, self.align_corners = rgb_max, align_corners
        self.flownetc = FlowNetC()
        self.flownets_1 = FlowNetS()
        self.flownets_2 = FlowNetS()
        self.flownets_d = FlowNetSD()
        self.flownetfusion = FlowNetFusion()

    def forward(self, pair: Tensor) -> Tensor:
        if pair.ndim != 5 or pair.shape[1:3] != (3, 2) or any(side % MULTIPLE for side in pair.shape[3:]):
            raise ValueError(
                f"FlowNet2 takes (B, 3, 2, H, W), H and W multiples of {MULTIPLE}, got {tuple(pair.shape)}"
            )
        images = normalise(pair, self.rgb_max)  # (B, 6, H, W)
        first, second = images[:, :3], images[:, 3:]
        flow = self._smooth(self.flownetc(images) * DIV_FLOW)
        flow = self._smooth(self.flownets_1(explained(images, flow)) * DIV_FLOW)
        large = F.interpolate(self.flownets_2(explained(images, flow)) * DIV_FLOW, scale_factor=4)
        small = F.interpolate(self.flownets_d(images) / DIV_FLOW, scale_factor=4)
        large_error = channel_norm(first - warp(second, large))
        small_error = channel_norm(first - warp(second, small))
        norms = (channel_norm(small), channel_norm(large))
        return self.flownetfusion(torch.cat((first, small, large, *norms, small_error, large_error), 1))

    def _smooth(self, flow: Tensor) -> Tensor:
        return F.interpolate(flow, scale_factor=4, mode="bilinear", align_corners=self.align_corners)


def normalise(pair: Tensor, rgb_max: float) -> Tensor:
    """Subtract the mean colour of both frames, scale, and stack: (B, 3, 2, H, W) -> (B, 6, H, W)."""
    centred = (pair - pair.mean((2, 3, 4), keepdim=True)) / rgb_max
    return torch.cat((centred[:, :, 0], centred[:, :, 1]), 1)


def explained(images: Tensor, flow: Tensor) -> Tensor:
    """Input of a following FlowNetS (12 channels): images, warped second image, flow / 20, its error."""
    warped = warp(images[:, 3:], flow)
    error = channel_norm(images[:, :3] - warped)
    return torch.cat((images, warped, flow / DIV_FLOW, error), 1)


def single_flow(network: FlowNetC | FlowNetS | FlowNetSD, pair: Tensor, rgb_max: float = 255.0) -> Tensor:
    """Flow of one of the networks alone, as published: (B, 3, 2, H, W) -> (B, 2, H, W); FlowNetS(6)."""
    flow = network(normalise(pair, rgb_max)) * DIV_FLOW
    return F.interpolate(flow, scale_factor=4, mode="bilinear", align_corners=False)


def flownet2_flow(model: FlowNet2, frame0: np.ndarray, frame1: np.ndarray) -> np.ndarray:
    """Flow from ``frame0`` to ``frame1``, RGB (h, w, 3) uint8 of any size: (2, h, w) float32 in pixels.

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


def load_engine(settings: config.FlowNet2, device: str) -> Engine:
    """FlowNet2 on colour frames, with the weights of the config."""
    if settings.weights is None:
        raise FileNotFoundError(
            "patches.spatial_flow is flownet2, but flow.flownet2.weights is not set; give the published "
            "checkpoint (FlowNet2_checkpoint.pth.tar), or set patches.spatial_flow to tvl1"
        )
    model = load_flownet2(settings.weights).to(device)
    return Engine(lambda frame: frame, lambda first, second: flownet2_flow(model, first, second))


def load_flownet2(path: Path) -> FlowNet2:
    """FlowNet2 with the weights of a checkpoint, published or imported.

    Raises:
        FileNotFoundError: there is no such file.
        WeightsError: keys are missing, unexpected or of another shape; all are listed.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"no FlowNet2 checkpoint at {path}; get FlowNet2_checkpoint.pth.tar (NVIDIA's flownet2-pytorch) "
            "and set flow.flownet2.weights, or use TV-L1 (patches.spatial_flow: tvl1)"
        )
    model = FlowNet2().eval()
    load_weights(model, path, "flownet2")
    return model
