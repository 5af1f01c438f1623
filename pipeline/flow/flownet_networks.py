"""The four networks of FlowNet2: FlowNetC, FlowNetS, FlowNetSD and the fusion.

Source: Dosovitskiy et al., "FlowNet: Learning optical flow with convolutional networks", ICCV 2015 (C
and S), and Ilg et al., "FlowNet 2.0", CVPR 2017 (SD and fusion), in the layout of the published PyTorch
implementation (NVIDIA, flownet2-pytorch) without batch normalisation.

Details settled there: leaky ReLU with slope 0.1 after every convolution and up-convolution, also after
the correlation, but not after predictions, the flow's own up-convolutions and SD's and fusion's
``inter_conv``; zero padding by half the kernel; biases everywhere but in the flow's up-convolutions of
FlowNetS; the correlation is the mean over channels, of displacements 20 by 2, zero outside.
FlowNetC 39,175,298, FlowNetS 38,695,322 (12 channels) or 38,676,506 (6), FlowNetSD 45,371,666, fusion
581,226 parameters.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.flow.flownet_parts import (
    SLOPE,
    Refinement,
    conv,
    correlate,
    deconv,
    plain_conv,
    predict_flow,
    upsample_flow,
)


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
        correlation = F.leaky_relu(correlate(third1, third2), SLOPE)  # (B, 441, H/8, W/8)
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
