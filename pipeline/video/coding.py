"""Lossless coding of 8-bit frames and quantised flow: differences of neighbours, compressed by zlib.

A pixel is predicted from its colour, then from its upper, left and upper left neighbours (the plane through
them), all modulo 256. What remains of natural video and of flow is mostly zero or close to it, so zlib's
run-length strategy compresses it better and faster than general compressors do the pixels
(docs/decisions/0032-coding-of-frames.md).
"""

from __future__ import annotations

import zlib

import cv2
import numpy as np


def encode(frame: np.ndarray) -> bytes:
    """Code a frame (h, w, c) uint8 as a zlib stream of its differences (c, h, w), which has a checksum."""
    planes = np.moveaxis(frame, 2, 0).copy()
    if len(planes) == 3:
        planes[::2] -= planes[1]  # red and blue from green
    down = planes.copy()
    down[:, 1:] -= planes[:, :-1]
    differences = down.copy()
    differences[:, :, 1:] -= down[:, :, :-1]
    coder = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
    return coder.compress(differences.tobytes()) + coder.flush()


def decode(coded: bytes, height: int, width: int, channels: int) -> np.ndarray:
    """Frame (h, w, c) uint8 of a coded one. Raises zlib.error or ValueError if it is damaged."""
    size = height * width * channels
    differences = np.frombuffer(zlib.decompress(coded, bufsize=size), np.uint8)
    differences = differences.reshape(channels, height, width)
    # The sum over all pixels above and to the left undoes both differences.
    planes = np.stack([cv2.integral(plane)[1:, 1:].astype(np.uint8) for plane in differences])
    if channels == 3:
        planes[::2] += planes[1]
    return np.ascontiguousarray(np.moveaxis(planes, 0, 2))
