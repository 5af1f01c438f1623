"""The layers' blobs of a .caffemodel: protobuf's ``NetParameter``, of which only names and blobs are read.

Field numbers are those of Caffe's caffe.proto; both its current layers (field 100) and the older ones
(field 2) are read.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipeline.weights import WeightsError
from pipeline.weights.formats.messages import make_messages

MESSAGES = make_messages(
    "recosr.caffe",
    {
        "BlobShape": [("dim", 1, "*int64")],
        "BlobProto": [
            ("num", 1, "int32"),
            ("channels", 2, "int32"),
            ("height", 3, "int32"),
            ("width", 4, "int32"),
            ("data", 5, "*float"),
            ("shape", 7, "BlobShape"),
            ("double_data", 8, "*double"),
        ],
        "LayerParameter": [("name", 1, "string"), ("type", 2, "string"), ("blobs", 7, "*BlobProto")],
        "V1LayerParameter": [("name", 4, "string"), ("blobs", 6, "*BlobProto")],
        "NetParameter": [
            ("name", 1, "string"),
            ("layers", 2, "*V1LayerParameter"),
            ("layer", 100, "*LayerParameter"),
        ],
    },
)


def read(path: Path) -> dict[str, Tensor]:
    """Blobs as ``LAYER:INDEX`` (``conv1/7x7_s2:0``), in Caffe's axes, which are torch's.

    Raises:
        WeightsError: a net without blobs, or a blob whose numbers do not fill its shape.
    """
    net = MESSAGES["NetParameter"].FromString(path.read_bytes())
    state = {}
    for layer in (*net.layer, *net.layers):
        for index, blob in enumerate(layer.blobs):
            shape = list(blob.shape.dim) or [blob.num, blob.channels, blob.height, blob.width]
            numbers = np.array(blob.data or blob.double_data, np.float32)
            if numbers.size != np.prod(shape):
                raise WeightsError(f"{path}: {layer.name} has {numbers.size} numbers for the shape {shape}")
            state[f"{layer.name}:{index}"] = torch.from_numpy(numbers.reshape(shape))
    if not state:
        raise WeightsError(f"{path} has no layer with weights; expected a trained .caffemodel")
    return state
