"""Distances between super-resolved and HR frames, flow fields and temporal profiles; PSNR is in video/."""

from __future__ import annotations

import numpy as np
from skimage.metrics import structural_similarity

from pipeline.video.colour import LUMA, LUMA_OFFSET

WINDOW = 11
"""Side of SSIM's Gaussian window: 3.5 standard deviations of 1.5 to each side."""


def channels(frame: np.ndarray, channel: str, border: int) -> np.ndarray:
    """The compared part of a frame: luma (h, w), or RGB (h, w, 3), without the border; float64, 0 to 255.

    Luma is not rounded to 8 bits, so that it is a linear map of the frame.

    Args:
        frame: (h, w, 3) RGB uint8.
        channel: "y" or "rgb".
        border: pixels left out at each edge.
    """
    height, width = frame.shape[:2]
    inner = frame[border : height - border, border : width - border].astype(np.float64)
    return inner @ np.array(LUMA) + 255 * LUMA_OFFSET if channel == "y" else inner


def ssim(first: np.ndarray, second: np.ndarray) -> float:
    """Structural similarity (Wang et al. 2004) as in its authors' ssim_index.m: mean over channels.

    Gaussian window of 11x11 pixels with a standard deviation of 1.5, population covariances, K = 0.01 and
    0.03, and only windows inside the picture.

    Args:
        first, second: (h, w) or (h, w, c), 0 to 255, at least 11x11.
    """
    return float(
        structural_similarity(
            first,
            second,
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            channel_axis=-1 if first.ndim == 3 else None,
        )
    )


def endpoint_error(flow: np.ndarray, reference: np.ndarray) -> float:
    """Mean length in pixels of the difference of two flow fields (..., 2).

    As a measure of video SR: Chu et al. 2020 (TecoGAN), tOF.
    """
    difference = flow.astype(np.float64) - reference
    return float(np.hypot(difference[..., 0], difference[..., 1]).mean())


def profile_error(error: np.ndarray, next_error: np.ndarray) -> float:
    """Deviation of temporal profiles from HR over one time step, in grey levels.

    A temporal profile (figures 4 and 7; Caballero et al. 2017) shows one row of pixels over time, so flicker
    is a change over time that HR does not have. With profiles P_y(t, x) of all rows y this is the mean of
    |(P_y(t+1, x) - P_y(t, x)) of SR - the same of HR|, which is the change of SR's error. A constant error is
    not flicker and does not count; moving detail that SR lacks does.

    Args:
        error: SR minus HR at t, (h, w) or (h, w, c).
        next_error: the same at t + 1.
    """
    return float(np.abs(next_error - error).mean())
