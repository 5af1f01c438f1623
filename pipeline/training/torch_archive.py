"""Files of ``torch.save`` whose bytes depend only on their content, and whose checksums are verified.

Torch writes a zip file with a checksum for every entry, but does not verify them when it reads.
"""

from __future__ import annotations

import io
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch

from pipeline.errors import DamagedError
from pipeline.files import write_whole

BLOCK = 1 << 20
"""Bytes read at once."""


def write_archive(path: Path, content: Any) -> None:
    """Write tensors, numbers, strings and containers of them atomically.

    Equal content gives equal bytes. Raises DiskFullError.
    """
    # In memory first: torch writes a file's name into it, and its errors on a full disk are obscure.
    buffer = io.BytesIO()
    torch.save(_unshared(content), buffer)
    write_whole(path, buffer.getbuffer())


def read_archive(path: Path, remedy: str) -> Any:
    """Read a file written by ``write_archive`` to the CPU.

    Raises DamagedError, with ``remedy``, for a broken file, and torch's errors for other content.
    """
    try:
        verify(path)
    except Exception as error:  # zipfile's errors have no common base
        raise DamagedError(path, error, remedy) from error
    return torch.load(path, weights_only=True, map_location="cpu")


def verify(path: Path) -> None:
    """Compare every entry's checksum with its bytes. Raises zipfile's errors."""
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            # Without checksums (set_crc32_options) torch writes zeros.
            if entry.CRC:
                with archive.open(entry) as file:
                    while file.read(BLOCK):
                        pass


def _unshared(content: Any) -> Any:
    """A copy of the content in which containers are distinct and equal strings are one object.

    A pickle refers back to objects that it has seen before, so identity would otherwise change the bytes.
    """
    if isinstance(content, str):
        return sys.intern(content)
    if type(content) in (dict, OrderedDict):
        return {_unshared(key): _unshared(value) for key, value in content.items()}
    if type(content) in (list, tuple):
        return type(content)(_unshared(value) for value in content)
    return content
