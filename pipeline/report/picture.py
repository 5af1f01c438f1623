"""Draws super-resolved frames and their flow beside HR (figures 3 and 6)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import cv2
import matplotlib

matplotlib.use("Agg")  # cluster nodes have no display
import matplotlib.pyplot as plt
import numpy as np

from pipeline.data.manifest import Clip, read_manifest, select
from pipeline.data.plan import ClipPlan, read_plan
from pipeline.files import atomic_path
from pipeline.flow.quantise import dequantise
from pipeline.report.request import DrawComparison
from pipeline.video.resize import resize_frames
from pipeline.video.store import ShardReader


# Labels are plain text, whatever characters they contain.
@plt.rc_context({"text.parse_math": False})  # type: ignore[operator]  # matplotlib types it as no decorator
def draw_comparison(
    request: DrawComparison,
    manifest: Path,
    plan: Path,
    frames: list[Path],
    flow: list[Path],
    out: Path,
) -> None:
    """Draw the frame and field with the most motion of three clips, for several rows of the table.

    Args:
        request: names of the rows, and the shard and bound of their stores.
        manifest: the data set's clips.
        plan: frames and fields read of each clip, which can be shown.
        frames: frame store of each row.
        flow: flow store of each row; the last one (HR) determines what is shown.
        out: PNG; one row of pictures per clip, frames above their flow.
    """
    labels, bound = request.labels, request.bound
    clips = select(read_manifest(manifest), "test", request.shard)
    read = read_plan(plan)
    with ExitStack() as stack:
        stores = [stack.enter_context(ShardReader(path)) for path in frames]
        fields = [stack.enter_context(ShardReader(path)) for path in flow]
        shown = _most_motion(clips, read, fields[-1], bound)
        figure, axes = plt.subplots(
            2 * len(shown), len(labels), figsize=(2.6 * len(labels), 4.1 * len(shown)), squeeze=False
        )
        for row, (clip, number, scale) in enumerate(shown):
            for column, label in enumerate(labels):
                vectors = dequantise(fields[column].read(clip.id, [number])[0], bound)
                height, width = vectors.shape[:2]
                picture = resize_frames(stores[column].read(clip.id, [number]), width, height)[0]
                _show(axes[2 * row, column], picture)
                _show(axes[2 * row + 1, column], flow_colours(vectors, scale))
                axes[0, column].set_title(label)
            axes[2 * row, 0].set_ylabel(f"{clip.class_name}\nframe {number}")
            axes[2 * row + 1, 0].set_ylabel(f"flow, to {scale:.1f} px")
    figure.tight_layout()
    with atomic_path(out) as path:
        figure.savefig(path, dpi=100)
    plt.close(figure)


def _show(axis: plt.Axes, image: np.ndarray) -> None:
    axis.imshow(image, interpolation="nearest")
    axis.set_xticks([])
    axis.set_yticks([])


def _most_motion(
    clips: list[Clip], read: Mapping[str, ClipPlan], store: ShardReader, bound: float
) -> list[tuple[Clip, int, float]]:
    """Clip, field and largest motion in pixels, for the clip with the most motion of three classes."""
    best: dict[str, tuple[float, Clip, int, float]] = {}
    for clip in clips:
        number = read[clip.id].fields[len(read[clip.id].fields) // 2]
        motion = np.hypot(*np.moveaxis(dequantise(store.read(clip.id, [number])[0], bound), -1, 0))
        score = float(motion.mean())
        if clip.class_name not in best or score > best[clip.class_name][0]:
            best[clip.class_name] = (score, clip, number, max(1.0, float(np.percentile(motion, 99))))
    liveliest = sorted(best.values(), key=lambda found: -found[0])[:3]
    return [found[1:] for found in liveliest]


def flow_colours(flow: np.ndarray, scale: float) -> np.ndarray:
    """Flow (h, w, 2) in pixels as colours (h, w, 3) uint8: direction as hue, length as saturation.

    ``scale`` pixels and more are fully saturated; no motion is white.
    """
    length, angle = cv2.cartToPolar(flow[..., 0], flow[..., 1])
    hue = (angle * (90 / np.pi)).astype(np.uint8)  # OpenCV's hue has 180 steps
    saturation = (255 * np.minimum(length / scale, 1)).astype(np.uint8)
    return cv2.cvtColor(np.dstack([hue, saturation, np.full_like(hue, 255)]), cv2.COLOR_HSV2RGB)
