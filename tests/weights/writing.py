"""Writes weight files like other frameworks, byte by byte if their libraries are not available."""

from __future__ import annotations

import struct
from pathlib import Path

import h5py
import numpy as np
import scipy.io

from pipeline.weights.formats.messages import make_messages

Values = dict[str, np.ndarray]


def write_h5(values: Values, path: Path) -> None:
    """VSR-DUF's own format: data sets of the group ``params`` under the names given."""
    with h5py.File(path, "w") as file:
        for name, value in values.items():
            file[f"params/{name}"] = value


def varint(number: int) -> bytes:
    """A number in the variable length of protobuf and LevelDB."""
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def _table_block(entries: list[tuple[bytes, bytes]]) -> bytes:
    """A block of LevelDB's table: keys share their beginning with the one before, one restart."""
    out, before = b"", b""
    for key, value in entries:
        shared = next((i for i, (a, b) in enumerate(zip(key, before, strict=False)) if a != b), 0)
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        before = key
    return out + struct.pack("<II", 0, 1)


def write_checkpoint(values: Values, index: Path) -> None:
    """A TensorFlow checkpoint of version 2: two blocks of entries, an index of them, a footer.

    Adam's variables stand beside the weights, as after a training.
    """
    dim = [("size", 1, "int64"), ("name", 2, "string")]
    entry = [("dtype", 1, "int32"), ("shape", 2, "Shape"), ("shard", 3, "int32"), ("offset", 4, "int64")]
    entry += [("size", 5, "int64"), ("crc32c", 6, "fixed32")]
    shape = [("dim", 2, "*Dim"), ("unknown_rank", 3, "bool")]
    messages = make_messages(
        "test.bundle", {"Dim": dim, "Shape": shape, "Entry": entry, "Header": [("num_shards", 1, "int32")]}
    )
    entries, data = [(b"", messages["Header"](num_shards=1).SerializeToString())], b""
    optimiser = {f"{name}/Adam": value for name, value in values.items()} | {"beta1_power": np.float32(0.5)}
    for name, value in sorted((values | optimiser).items()):
        dims = [messages["Dim"](size=n) for n in value.shape]
        made = messages["Entry"](
            dtype=1, shape=messages["Shape"](dim=dims), offset=len(data), size=value.nbytes
        )
        entries.append((name.replace(":0", "").encode(), made.SerializeToString()))
        data += value.tobytes()
    entries.sort()
    index.with_name(f"{index.stem}.data-00000-of-00001").write_bytes(data)
    content, handles = b"", []
    for part in (entries[:20], entries[20:]):
        block = _table_block(part)
        handles.append((part[-1][0] + b"~", varint(len(content)) + varint(len(block))))
        content += block + b"\0" + b"crc!"
    block = _table_block(handles)
    footer = varint(0) + varint(0) + varint(len(content)) + varint(len(block))
    magic = struct.pack("<Q", 0xDB4775248B80FB57)
    index.write_bytes(content + block + b"\0crc!" + footer.ljust(40, b"\0") + magic)


def write_mat(values: Values, path: Path, wrapped: bool = False) -> None:
    """MatConvNet's saveobj: a struct array of parameters, with more fields than are of use."""
    params = np.zeros((1, len(values)), [("name", object), ("value", object), ("learningRate", object)])
    for place, (name, value) in enumerate(values.items()):
        params[0, place] = (name, value, 1.0)
    content = {"layers": np.zeros((1, 1), [("name", object)]), "params": params, "meta": {"x": 1.0}}
    scipy.io.savemat(path, {"net": content} if wrapped else content)


def write_mat73(values: Values, path: Path) -> None:
    """The same in version 7.3: HDF5 behind 512 bytes of MATLAB's, references to values with reversed axes."""
    with h5py.File(path, "w", userblock_size=512) as file:
        names, places = [], []
        for place, (name, value) in enumerate(values.items()):
            text = np.array([ord(letter) for letter in name], np.uint16)[:, None]
            names.append([file.create_dataset(f"#refs#/n{place}", data=text).ref])
            places.append([file.create_dataset(f"#refs#/v{place}", data=value.T).ref])
        file.create_dataset("net/params/name", data=np.array(names, h5py.ref_dtype), dtype=h5py.ref_dtype)
        file.create_dataset("net/params/value", data=np.array(places, h5py.ref_dtype), dtype=h5py.ref_dtype)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64")


def field(number: int, content: bytes) -> bytes:
    """A field of protobuf's wire format with a length before its content."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def _blob(value: np.ndarray, legacy: bool) -> bytes:
    if legacy:  # num, channels, height, width, and every number on its own
        shape = [*[1] * (4 - value.ndim), *value.shape]
        sizes = b"".join(varint(n << 3) + varint(size) for n, size in enumerate(shape, 1))
        return sizes + b"".join(b"\x2d" + struct.pack("<f", number) for number in value.ravel())
    dims = field(1, b"".join(map(varint, value.shape)))
    return field(5, value.astype("<f4").tobytes()) + field(7, dims)


def write_caffemodel(layers: dict[str, list[np.ndarray]], path: Path, legacy: bool = False) -> None:
    """A .caffemodel of the blobs of each layer, in the layers of today's Caffe or in its first ones."""
    content = field(1, b"BN-Inception")
    for name, values in {"data": [], **layers}.items():
        made = [field(6 if legacy else 7, _blob(value, legacy)) for value in values]
        if legacy:
            content += field(2, field(4, name.encode()) + b"".join(made))
        else:
            kind = {2: b"Convolution", 4: b"BN", 0: b"VideoData"}[len(values)]
            content += field(100, field(1, name.encode()) + field(2, kind) + b"".join(made))
    path.write_bytes(content)
