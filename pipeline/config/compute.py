"""Device, threads and precision."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipeline.config.section import PositiveInt, Section


class Device(Section):
    """Device of tensors."""

    device: Literal["cpu", "cuda"] = Field("cpu", description="device of training and inference")
    threads: PositiveInt = Field(
        1,
        description="CPU threads of each torch process; on a GPU also the number of processes that prepare a "
        "recogniser's training batches",
    )


class Inference(Device):
    """How the trained networks compute."""

    precision: Literal["float32", "tf32", "bfloat16"] = Field(
        "float32",
        description="precision of the forward pass: `tf32` rounds the factors of products to 10 bits (GPUs), "
        "`bfloat16` is torch's autocast; weights stay float32",
    )


class Compute(Inference):
    """Where and how networks compute. Results depend on threads and devices, not on the number of cores."""

    devices: PositiveInt = Field(
        1, description="devices of one machine that a training uses; batch_size is the total over all devices"
    )
