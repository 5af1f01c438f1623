"""TensorFlow's checkpoints of version 2: NAME.index and NAME.data-00000-of-00001.

The index is a table as LevelDB writes it, whose values are protobuf's ``BundleEntryProto``; the data file
holds the arrays' bytes. TensorFlow writes the table without compression.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipeline.weights import WeightsError
from pipeline.weights.formats.messages import make_messages

TABLE_MAGIC = 0xDB4775248B80FB57
FOOTER = 48
DTYPES = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8"}
"""TensorFlow's numbers of types that are read; variables of others (text) are left out."""

MESSAGES = make_messages(
    "recosr.tensorflow",
    {
        "Dim": [("size", 1, "int64")],
        "Shape": [("dim", 2, "*Dim")],
        "Entry": [
            ("dtype", 1, "int32"),
            ("shape", 2, "Shape"),
            ("shard_id", 3, "int32"),
            ("offset", 4, "int64"),
            ("size", 5, "int64"),
        ],
        "Header": [("num_shards", 1, "int32"), ("endianness", 2, "int32")],
    },
)


def is_table(path: Path) -> bool:
    """Whether a file ends as such an index does."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size < FOOTER:
            return False
        file.seek(size - 8)
        return file.read(8) == struct.pack("<Q", TABLE_MAGIC)


def data_files(index: Path) -> list[Path]:
    """The files beside an index that hold its arrays."""
    return sorted(index.parent.glob(f"{index.stem}.data-*-of-*"))


def read(path: Path) -> dict[str, Tensor]:
    """Variables by name, in TensorFlow's axes.

    Args:
        path: the .index file; its data files lie beside it.

    Raises:
        WeightsError: a compressed or big-endian index, or data files that are missing or too short.
    """
    entries = dict(_table(path))
    header = MESSAGES["Header"].FromString(entries.pop(b"", b""))
    files = data_files(path)
    if header.endianness or len(files) != max(header.num_shards, 1):
        raise WeightsError(
            f"{path} needs {header.num_shards} little-endian files {path.stem}.data-... beside it; found "
            f"{', '.join(file.name for file in files) or 'none'}"
        )
    state = {}
    for name, value in entries.items():
        entry = MESSAGES["Entry"].FromString(value)
        if entry.dtype not in DTYPES:
            continue
        shape, dtype = [dim.size for dim in entry.shape.dim], np.dtype(DTYPES[entry.dtype])
        with files[entry.shard_id].open("rb") as file:
            file.seek(entry.offset)
            raw = file.read(entry.size)
        if len(raw) != math.prod(shape) * dtype.itemsize:
            raise WeightsError(f"{files[entry.shard_id]} is too short for {name.decode()}; get it again")
        state[name.decode()] = torch.from_numpy(np.frombuffer(raw, dtype).reshape(shape).copy())
    return state


def _table(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """All keys and values: the index block at the end leads to the blocks."""
    content = path.read_bytes()
    footer = content[-FOOTER:]
    place = 0
    for _ in range(2):  # the metaindex's handle, which is of no use, comes first
        offset, place = _varint(footer, place)
        size, place = _varint(footer, place)
    for _, handle in _block(path, content, offset, size):
        start, used = _varint(handle, 0)
        length, _ = _varint(handle, used)
        yield from _block(path, content, start, length)


def _block(path: Path, content: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a block; each key says how much of its beginning it shares with the one before."""
    if content[offset + size]:
        raise WeightsError(f"{path} is compressed; save the checkpoint with TensorFlow 1.2 or later")
    block = content[offset : offset + size]
    (restarts,) = struct.unpack("<I", block[-4:])
    end, place, key = size - 4 * (restarts + 1), 0, b""
    while place < end:
        shared, place = _varint(block, place)
        fresh, place = _varint(block, place)
        length, place = _varint(block, place)
        key = key[:shared] + block[place : place + fresh]
        yield key, block[place + fresh : place + fresh + length]
        place += fresh + length


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends."""
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
        shift += 7
