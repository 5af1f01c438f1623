"""Clips that are folders of numbered pictures, one a frame: ``00001.png``, ``img_00001.jpg``, ``7.jpg``."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

_NUMBERED = re.compile(r"(.*?)(\d+)\.(?:png|jpe?g)", re.IGNORECASE)
# TSN's tool writes a clip's flow beside its frames.
_FLOW = re.compile(r"flow_[xy]_?", re.IGNORECASE)

MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr")
"""Pillow's modes of pictures with at most 8 bits a channel; alpha channels are dropped."""


class PictureError(ValueError):
    """A folder of pictures is not a clip; the message says why, without the folder."""


def is_picture(name: str) -> bool:
    """Whether a file of this name may be a frame: a picture whose name ends in a number."""
    found = _NUMBERED.fullmatch(name)
    return found is not None and not _FLOW.fullmatch(found[1])


def in_order(names: Iterable[str]) -> list[str]:
    """Those names that are pictures', by prefix and number: ``9.jpg`` comes before ``10.jpg``."""
    found = [(name, _NUMBERED.fullmatch(name)) for name in names if is_picture(name)]
    keyed = [(matched[1].casefold(), int(matched[2]), name) for name, matched in found if matched]
    return [name for _, _, name in sorted(keyed)]


def picture_files(folder: Path) -> list[Path]:
    """The pictures of a folder, in order; raises OSError if it cannot be read."""
    names = (path.name for path in folder.iterdir())
    return [folder / name for name in in_order(names) if not name.startswith(".")]


def decode_pictures(folder: Path, most: int | None = None) -> Iterator[np.ndarray]:
    """Frames (h, w, 3), uint8, RGB, writable, in the order of their numbers, which may start at any.

    Args:
        folder: the clip; files other than numbered pictures, and TSN's ``flow_x_``, ``flow_y_``, are ignored.
        most: stop after this number of frames.

    Raises:
        PictureError: a number is missing or there twice, names have several prefixes, sizes differ, or a
            picture is broken; raised after the frames before it.
        OSError: the disk cannot be read.
    """
    paths = picture_files(folder)[:most]
    _check_numbers([path.name for path in paths])
    size: tuple[int, ...] | None = None
    for path in paths:
        frame = _decode(path)
        if size not in (None, frame.shape[:2]):
            assert size is not None
            raise PictureError(
                f"its resolution changes on the way: {path.name} is {frame.shape[1]}x{frame.shape[0]}, the "
                f"pictures before it are {size[1]}x{size[0]}"
            )
        size = frame.shape[:2]
        yield frame


def _check_numbers(names: list[str]) -> None:
    previous: tuple[str, int, str] | None = None
    if not names:
        raise PictureError("it holds no numbered pictures such as 00001.png or img_00001.jpg")
    for name in names:
        found = _NUMBERED.fullmatch(name)
        assert found is not None  # in_order keeps no others
        prefix, number = found[1].casefold(), int(found[2])
        if previous:
            before, last, other = previous
            if prefix != before:
                raise PictureError(f"it holds pictures of two names, {other} and {name}; expected one series")
            if number == last:
                raise PictureError(f"it holds frame {number} twice, {other} and {name}")
            if number != last + 1:
                lacking = str(last + 1) if number == last + 2 else f"{last + 1} to {number - 1}"
                raise PictureError(f"frame {lacking} is missing between {other} and {name}")
        previous = prefix, number, name


def _decode(path: Path) -> np.ndarray:
    # Imported here, because planning a run reads no pictures.
    from PIL import Image

    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise PictureError(f"{path.name}: a link that leads nowhere") from None
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as picture:
            mode = picture.mode
            if mode in MODES:
                return np.array(picture.convert("RGB"))
    except Exception as error:  # Pillow raises many kinds; the bytes themselves were read
        shown = "neither PNG nor JPEG" if isinstance(error, Image.UnidentifiedImageError) else error
        raise PictureError(f"{path.name}: broken: {shown}") from error
    raise PictureError(f"{path.name}: its pixels are {mode}; expected 8 bits a channel")
