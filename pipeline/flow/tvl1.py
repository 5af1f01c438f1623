"""TV-L1 optical flow (Zach, Pock, Bischof 2007) in compiled loops, one pair on one thread."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from pipeline.config import TVL1
from pipeline.flow.compiler import load_library
from pipeline.flow.pairs import Engine

if TYPE_CHECKING:
    from pipeline.flow.request import ExtractTrainingFlow

SOURCE = Path(__file__).with_name("tvl1.cpp")


@functools.cache
def _engine() -> Callable[..., int]:
    function = load_library(SOURCE).recosr_tvl1
    pixels, number, count = ctypes.c_void_p, ctypes.c_double, ctypes.c_int
    function.argtypes = [pixels, pixels, count, count, *[number] * 5, *[count] * 5, pixels]
    function.restype = ctypes.c_int
    return function


def tvl1(frame0: np.ndarray, frame1: np.ndarray, params: TVL1) -> np.ndarray:
    """TV-L1 flow: frame1(x + flow(x)) = frame0(x), equal to OpenCV's CPU version up to rounding.

    Uses one thread and releases the GIL. Source: docs/facts.md, section 6.

    Args:
        frame0: (h, w) uint8 grey levels, at least 2x2.
        frame1: the later frame, of the same size.
        params: the schedule.

    Returns:
        (2, h, w) float32, x first, in pixels.

    Raises:
        TypeError: a frame is not uint8.
        ValueError: a frame is not grey, too small, or the sizes differ.
        CompilerError: at the first call, without a usable C++ compiler.
    """
    for name, frame in (("frame0", frame0), ("frame1", frame1)):
        if not isinstance(frame, np.ndarray) or frame.dtype != np.uint8:
            found = getattr(frame, "dtype", type(frame).__name__)
            raise TypeError(f"{name} must be a uint8 array (grey levels 0-255), but is {found}; convert it")
        if frame.ndim != 2:
            raise ValueError(f"{name} must be (height, width) grey, but has shape {frame.shape}; convert it")
    if frame0.shape != frame1.shape:
        raise ValueError(f"frame0 is {frame0.shape}, but frame1 is {frame1.shape}; resize them to one size")
    height, width = frame0.shape
    if min(height, width) < 2:
        raise ValueError(f"frames are {width}x{height}, but flow needs at least 2x2 pixels")
    frame0, frame1 = np.ascontiguousarray(frame0), np.ascontiguousarray(frame1)
    flow = np.empty((2, height, width), np.float32)
    failed = _engine()(
        frame0.ctypes.data,
        frame1.ctypes.data,
        width,
        height,
        params.tau,
        params.lambda_,
        params.theta,
        params.scale_step,
        params.epsilon,
        params.scales,
        params.warps,
        params.inner_iterations,
        params.outer_iterations,
        params.median,
        flow.ctypes.data,
    )
    if failed:
        raise MemoryError(f"no memory for the flow of frames of {width}x{height}")
    return flow


@contextmanager
def load_engine(request: ExtractTrainingFlow, weights: Path | None) -> Iterator[Engine]:
    """TV-L1 on grey frames; always on the CPU, on one thread."""

    def grey(frame: np.ndarray) -> np.ndarray:
        return cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)

    schedule = request.tvl1
    assert schedule is not None  # a request for this engine has one
    yield Engine(grey, lambda first, second: tvl1(first, second, schedule))
