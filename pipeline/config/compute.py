"""Device, threads and precision."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipeline.config.section import PositiveInt, Section


class Inference(Section):
    """What inference reads: one device."""

    device: Literal["cpu", "cuda"] = Field("cpu", description="device of training and inference")
    threads: PositiveInt = Field(
        1,
        description="CPU threads of each torch process; on a GPU also the processes that make a recogniser's "
        "training batches",
    )
    precision: Literal["float32", "tf32", "bfloat16"] = Field(
        "float32",
        description="of the forward pass: `tf32` rounds the factors of products to 10 bits (GPUs), "
        "`bfloat16` is torch's autocast; weights stay float32",
    )


class Compute(Inference):
    """Where tensors live. Results are the same for any number of cores, not for any threads or devices."""

    devices: PositiveInt = Field(
        1, description="devices that a training is spread over, on one machine; batch_size is that of all"
    )
