"""Files of ``torch.save`` whose bytes depend on their content alone, and whose checksums are verified.

Torch writes a zip file with a checksum for every entry, but reads it without a look at them.
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
"""Bytes that are read at once."""


def write_archive(path: Path, content: Any) -> None:
    """Write tensors, numbers, strings and containers of them, atomically.

    Equal content has equal bytes. Raises DiskFullError.
    """
    # In memory first: into a file torch writes its name as well, and on a full disk it fails with riddles.
    buffer = io.BytesIO()
    torch.save(_unshared(content), buffer)
    write_whole(path, buffer.getbuffer())


def read_archive(path: Path, remedy: str) -> Any:
    """What ``write_archive`` wrote, on the CPU.

    Raises DamagedError, with ``remedy``, for a broken file, and torch's errors for one of other content.
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
            # Torch can be told to write none (set_crc32_options), and then writes zeros.
            if entry.CRC:
                with archive.open(entry) as file:
                    while file.read(BLOCK):
                        pass


def _unshared(content: Any) -> Any:
    """The same content in containers of its own, of strings that are one object where they are equal.

    A pickle refers back to an object that it has met before, which is no matter of content.
    """
    if isinstance(content, str):
        return sys.intern(content)
    if type(content) in (dict, OrderedDict):
        return {_unshared(key): _unshared(value) for key, value in content.items()}
    if type(content) in (list, tuple):
        return type(content)(_unshared(value) for value in content)
    return content
