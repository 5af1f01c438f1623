"""The stage that measures what an SR network costs for one frame."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from pipeline.files import write_whole
from pipeline.superres.memory_format import image_layout
from pipeline.superres.networks import load_network
from pipeline.superres.request import MeasureCost
from pipeline.training.timing import device_name, time_pass


def measure_cost(request: MeasureCost, out: Path) -> None:
    """Write parameters, floating-point operations and milliseconds of one super-resolved frame as JSON.

    Operations are those of convolutions and matrix products, a multiplication and an addition counted apart.
    The time is that of the fastest of a few passes: of one core on the CPU, of the whole device on a GPU. The
    weights do not matter, so they are as drawn.

    Raises:
        NetworkError: there is no such network, or it does not accept the arguments.
        DeviceError: the machine lacks the device.
    """
    network = image_layout(load_network(request.network, request.args, request.scale).eval())
    width, height = (side // request.scale for side in request.size)
    frames = torch.rand(1, network.frames, 3, height, width)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(frames)
    found = {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "gflop": counter.get_total_flops() / 1e9,
        "milliseconds": 1000 * time_pass(network, frames, request),
        "size": [width * request.scale, height * request.scale],
        "device": device_name(request),
        "precision": request.precision,
    }
    write_whole(out, (json.dumps(found, indent=1) + "\n").encode())
