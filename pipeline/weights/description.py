"""Description of our own checkpoints in the header of a safetensors file; needs no torch.

The header's ``__metadata__`` only holds strings; other values are JSON: ``recosr.network`` (name),
``recosr.args`` (arguments of its constructor), ``recosr.metadata`` (how it was made), and ``recosr.sha256``,
the checksum of the whole file with zeros in place of the checksum.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open

from pipeline.errors import DamagedError
from pipeline.weights.mistaken import identify

PREFIX = "recosr."
LENGTH = 8
"""Number of bytes at the start of a file that hold the length of its header."""
LONGEST = 100_000_000
"""Largest header that safetensors reads, in bytes."""

OPENING = b'{"__metadata__":{"recosr.sha256":"'
CHECKSUM = slice(LENGTH + len(OPENING), LENGTH + len(OPENING) + 64)
"""Position of the checksum, the same in every file."""
ZEROS = b"0" * 64

REMEDY = "if a run made it, delete it, and the next run makes it again; otherwise get it again"
"""What to do about damaged weights."""


class Description(NamedTuple):
    """The network of a checkpoint: its name, its arguments, and how its weights were made."""

    network: str
    args: dict[str, Any]
    metadata: dict[str, Any]


def begins(head: bytes) -> bool:
    """Whether a file that starts with ``head`` is a safetensors file: length of the header, then JSON."""
    return head[LENGTH : LENGTH + 1] == b"{" and int.from_bytes(head[:LENGTH], "little") <= LONGEST


def describe(content: bytes, description: Description) -> bytearray:
    """A safetensors file with a description and a checksum; equal content gives equal bytes.

    Args:
        content: the file without metadata.
        description: may only hold numbers, strings and containers of them.
    """
    start = LENGTH + int.from_bytes(content[:LENGTH], "little")
    texts = {"sha256": ZEROS.decode(), "network": description.network}
    texts |= {key: json.dumps(getattr(description, key), sort_keys=True) for key in ("args", "metadata")}
    # safetensors itself writes metadata in random order.
    said = {f"{PREFIX}{key}": text for key, text in texts.items()} | {"format": "pt"}
    header = {"__metadata__": said, **json.loads(content[LENGTH:start])}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % LENGTH)  # tensors begin at a multiple of eight
    described = bytearray(len(text).to_bytes(LENGTH, "little") + text)
    described += memoryview(content)[start:]
    described[CHECKSUM] = hashlib.sha256(described).hexdigest().encode()
    return described


def read_description(path: Path) -> Description | None:
    """The description of a checkpoint; None if the file is not one of ours.

    Does not verify the checksum (``verify`` does). Raises DamagedError.
    """
    if not path.is_file():
        return None
    with path.open("rb") as file:
        head = file.read(LENGTH + 1)
    if not begins(head) and path.suffix != ".safetensors":
        return None
    try:
        with safe_open(path, framework="np") as opened:
            metadata = opened.metadata() or {}
        said = {key.removeprefix(PREFIX): text for key, text in metadata.items() if key.startswith(PREFIX)}
        if not said:
            return None
        return Description(said["network"], json.loads(said["args"]), json.loads(said["metadata"]))
    except (SafetensorError, KeyError, ValueError) as error:
        raise DamagedError(path, identify(path) or error, REMEDY) from error


def verify(path: Path, content: bytes) -> None:
    """Verify the checksum of a checkpoint. Raises DamagedError, which names ``path``."""
    view = memoryview(content)
    digest = hashlib.sha256(view[: CHECKSUM.start])
    digest.update(ZEROS)
    digest.update(view[CHECKSUM.stop :])
    if digest.hexdigest().encode() != content[CHECKSUM]:
        raise DamagedError(path, "its bytes are not those of its checksum", REMEDY)
