"""Effect of JPEG storage and of other resizing methods on the recognisers' input.

    python -m benchmarks jpeg_and_resizing VIDEO ...

The middle frame of each video and its TV-L1 flow to the next, at 340x256: stored as JPEG (OpenCV's quality of
95, as TSN's extraction does) and read again; crops resized to 224x224 by OpenCV's bilinear interpolation (as
here and in Caffe), by Pillow's (TSN's port) and by MATLAB's bicubic (ST-ResNet). PSNR in dB.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from pipeline.video.psnr import psnr
from pipeline.video.resize import imresize, resize_frames

WIDTH, HEIGHT, CROP, BOUND = 340, 256, 224, 20.0


def jpeg(picture: np.ndarray) -> np.ndarray:
    """A picture after JPEG compression."""
    return cv2.imdecode(cv2.imencode(".jpg", picture)[1], cv2.IMREAD_UNCHANGED)


def middle_pair(path: str) -> np.ndarray:
    """The middle frame and the next one (2, h, w, 3)."""
    video = cv2.VideoCapture(path)
    video.set(cv2.CAP_PROP_POS_FRAMES, int(video.get(cv2.CAP_PROP_FRAME_COUNT)) // 2)
    return resize_frames(np.stack([video.read()[1] for _ in range(2)]), WIDTH, HEIGHT)


def main() -> None:
    """Print one line per comparison."""
    found: dict[str, list[float]] = {}
    errors, seconds = [], {"OpenCV": 0.0, "MATLAB": 0.0}
    flow = cv2.optflow.DualTVL1OpticalFlow_create()
    for path in sys.argv[1:]:
        frame, following = middle_pair(path)
        found.setdefault("JPEG, frame", []).append(psnr(jpeg(frame), frame))
        field = flow.calc(*(cv2.cvtColor(f, cv2.COLOR_BGR2GRAY) for f in (frame, following)), None)
        for component in np.moveaxis(np.clip(np.rint(255 * (field + BOUND) / (2 * BOUND)), 0, 255), -1, 0):
            stored = component.astype(np.uint8)
            found.setdefault("JPEG, flow", []).append(psnr(jpeg(stored), stored))
            errors.append(np.abs(jpeg(stored).astype(int) - stored))
        for height, width in ((256, 256), (256, 280), (168, 168)):
            part = np.ascontiguousarray(frame[:height, :width])
            start = time.perf_counter()
            here = resize_frames(part[None], CROP, CROP)[0]
            middle = time.perf_counter()
            matlab = imresize(part[None], CROP, CROP)[0]
            seconds["OpenCV"] += middle - start
            seconds["MATLAB"] += time.perf_counter() - middle
            pillow = np.asarray(Image.fromarray(part).resize((CROP, CROP), Image.Resampling.BILINEAR))
            found.setdefault(f"Pillow, {width}x{height}", []).append(psnr(pillow, here))
            found.setdefault(f"MATLAB, {width}x{height}", []).append(psnr(matlab, here))
    for name, values in found.items():
        print(f"{name}: {np.mean(values):.1f} ({min(values):.1f} to {max(values):.1f})")
    levels = np.stack(errors)
    print(f"JPEG, flow: {levels.mean():.3f} levels of {2 * BOUND / 255:.3f} px, at most {levels.max()}")
    print(f"MATLAB's bicubic takes {seconds['MATLAB'] / seconds['OpenCV']:.0f} times OpenCV's bilinear")


if __name__ == "__main__":
    main()
