"""Raw frames with time stamps as a Matroska stream, which ffmpeg reads from a pipe.

ffmpeg's plain raw video has a constant frame rate. Source: RFC 9559 (Matroska), RFC 8794 (EBML).
"""

from __future__ import annotations

NANOSECONDS = 10**9
UNKNOWN = b"\x01" + 7 * b"\xff"
"""Size of an element that ends where the stream ends or the next of its kind begins."""


def stream_head(width: int, height: int, frame_nanoseconds: int) -> bytes:
    """What stands before the first frame of RGB video with 8 bits a colour.

    Args:
        width, height: of the frames.
        frame_nanoseconds: usual length of a frame, from which ffmpeg takes the frame rate.
    """
    video = _element("B0", _number(width)) + _element("BA", _number(height))
    video += _element("2EB524", b"RGB\x18")
    track = _element("D7", _number(1)) + _element("73C5", _number(1)) + _element("83", _number(1))
    track += _element("86", b"V_UNCOMPRESSED") + _element("23E383", _number(frame_nanoseconds))
    track += _element("E0", video)
    versions = {"4286": 1, "42F7": 1, "42F2": 4, "42F3": 8, "4287": 4, "4285": 2}
    ebml = b"".join(_element(key, _number(version)) for key, version in versions.items())
    ticks = _element("2AD7B1", _number(1))  # a tick is a nanosecond
    segment = bytes.fromhex("18538067") + UNKNOWN
    return (
        _element("1A45DFA3", ebml + _element("4282", b"matroska"))
        + segment
        + _element("1549A966", ticks)
        + _element("1654AE6B", _element("AE", track))
    )


def frame_head(start: int, length: int, size: int) -> bytes:
    """What stands before the pixels of a frame.

    Args:
        start: when it is shown, in nanoseconds from 0.
        length: how long, in nanoseconds; 0: unknown.
        size: bytes of its pixels.
    """
    # A cluster for each, because blocks count from their cluster in 16 bits.
    cluster = bytes.fromhex("1F43B675") + UNKNOWN + _element("E7", _number(start))
    duration = _element("9B", _number(length)) if length else b""
    block = b"\x81\x00\x00\x00"  # track 1, at the cluster's time, no flags
    size_of_block = len(block) + size
    head = bytes.fromhex("A1") + _size(size_of_block) + block
    group = bytes.fromhex("A0") + _size(len(duration) + len(head) + size)
    return cluster + group + duration + head


def _element(key: str, content: bytes) -> bytes:
    return bytes.fromhex(key) + _size(len(content)) + content


def _size(size: int) -> bytes:
    return (size | 1 << 56).to_bytes(8, "big")


def _number(value: int) -> bytes:
    return value.to_bytes(8, "big")
