"""The stage that makes videos and stills of a data set's clips for the page.

One video holds all sources of a clip as tiles of a mosaic, frames and flow, so its players cannot get out of
step. Beside it lies a lossless still of the frame with the most motion.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from math import ceil, sqrt
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipeline.data.manifest import Clip, read_manifest, select
from pipeline.data.plan import ClipPlan, read_plan
from pipeline.files import atomic_folder
from pipeline.flow.quantise import dequantise
from pipeline.report.page.choice import choose, disagreements
from pipeline.report.page.request import ShowClips
from pipeline.report.picture import flow_colours
from pipeline.report.rows import Rows
from pipeline.video.frames import write_video
from pipeline.video.store import ShardReader

FPS = 10
"""Frames per second of the videos; the page plays them at other speeds, too."""

H264 = {
    **{"vcodec": "libx264", "crf": 16, "preset": "slow", "pix_fmt": "yuv420p"},
    **{"g": 12, "movflags": "+faststart"},
}
"""Near-lossless; every twelfth frame is a key frame, so that single steps are quick."""

BLOCK = 16
"""Tiles begin at whole macroblocks, so that they do not bleed into each other."""

LOSSLESS_WEBP = [cv2.IMWRITE_WEBP_QUALITY, 101]


@dataclass(frozen=True)
class Stores:
    """Open stores by (source, shard)."""

    frames: Mapping[tuple[str, int], ShardReader]
    flow: Mapping[tuple[str, int], ShardReader]


def show_clips(
    request: ShowClips,
    scores: list[Path],
    manifest: Path,
    plan: Path,
    frames: list[Path],
    flow: list[Path],
    out: Path,
) -> None:
    """Choose clips of a data set, and make their mosaics: one video, one still and one entry each.

    Args:
        request: rows, sources and numbers of clips and frames.
        scores: score files of all rows of the data set.
        manifest: its clips.
        plan: frames and fields that are read of each clip, which can be shown.
        frames: frame stores, all shards of the first source, then of the next.
        flow: flow stores likewise.
        out: new folder with ``clips.json`` and the media.

    Raises:
        ScoresError: scores are missing, or rows were scored on different clips.
    """
    (dataset,) = request.datasets
    test = {clip.id: clip for clip in select(read_manifest(manifest), "test")}
    found = disagreements(Rows(scores, request), request, dataset.name)
    classes = {clip.id: clip.class_name for clip in test.values()}
    last = [recognizer.columns[-1].name for recognizer in request.recognizers]
    chosen = choose(found, classes, last, request.clips)
    read = read_plan(plan)
    with ExitStack() as stack, atomic_folder(out) as folder:
        stores = Stores(_open(stack, request.sources, frames), _open(stack, request.flow_sources, flow))
        entries = []
        for number, clip in enumerate(chosen):
            entry = _media(request, test[clip], read[clip], stores, folder, f"{number:02}")
            entries.append(entry | {"alone": found[clip].alone})
        content = {"dataset": dataset.name, "rows": _sources(request), "clips": entries}
        (folder / "clips.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _open(stack: ExitStack, sources: list[str], paths: list[Path]) -> dict[tuple[str, int], ShardReader]:
    shards = len(paths) // max(1, len(sources))
    keys = [(source, shard) for source in sources for shard in range(shards)]
    return {key: stack.enter_context(ShardReader(path)) for key, path in zip(keys, paths, strict=True)}


def _sources(request: ShowClips) -> dict[str, dict[str, str]]:
    """Source of each row's frames and flow."""
    models = {row.name: row.model for row in request.rows}
    return {
        row.name: {
            "frames": str(row.model or models[str(row.spatial)]),
            "flow": str(row.model or models[str(row.temporal)]),
        }
        for row in request.rows
    }


def _media(
    request: ShowClips, clip: Clip, read: ClipPlan, stores: Stores, folder: Path, name: str
) -> dict[str, Any]:
    """Write a clip's video and still; returns its entry."""
    numbers = [n for n in read.all_frames if n < clip.frames][: request.frames]
    fields = {n for n in read.fields if n + 1 < clip.frames}
    motion = {}
    if ("hr", clip.shard) in stores.flow:
        hr = stores.flow["hr", clip.shard]
        motion = {n: _length(hr, clip.id, n, request.bound) for n in numbers if n in fields}
    scale = max([1.0, *(float(np.percentile(m, 99)) for m in motion.values())])
    best = max(motion, key=lambda n: float(motion[n].mean())) if motion else numbers[len(numbers) // 2]
    tiles = [("frames", s) for s in request.sources] + [("flow", s) for s in request.flow_sources]
    mosaic = Mosaic(clip.height, clip.width, len(tiles))

    def pictures(number: int) -> Iterator[np.ndarray]:
        for source in request.sources:
            picture = stores.frames[source, clip.shard].read(clip.id, [number])[0]
            yield mosaic.fit(picture, cv2.INTER_NEAREST)
        for source in request.flow_sources:
            store = stores.flow[source, clip.shard]
            # The last frame of a run has no flow of its own: the field before it stays.
            field = max((n for n in fields if n <= number), default=min(fields, default=None))
            if field is None:
                yield mosaic.blank
            else:
                vectors = dequantise(store.read(clip.id, [field])[0], request.bound)
                yield mosaic.fit(flow_colours(vectors, scale), cv2.INTER_LINEAR)

    write_video(folder / f"{name}.mp4", (mosaic.join(pictures(n)) for n in numbers), FPS, **H264)
    still = cv2.cvtColor(mosaic.join(pictures(best)), cv2.COLOR_RGB2BGR)
    (folder / f"{name}.webp").write_bytes(cv2.imencode(".webp", still, LOSSLESS_WEBP)[1].tobytes())
    return {
        "id": clip.id,
        "class": clip.class_name,
        "label": clip.label,
        "video": f"{name}.mp4",
        "still": f"{name}.webp",
        "still_at": numbers.index(best),
        "numbers": numbers,
        "of": clip.frames,
        "fps": FPS,
        "size": [clip.width, clip.height],
        "flow_scale": round(scale, 2),
        "tiles": {f"{kind} {source}": mosaic.place(n) for n, (kind, source) in enumerate(tiles)},
    }


def _length(store: ShardReader, clip: str, number: int, bound: float) -> np.ndarray:
    """Length of a field's vectors (h, w), pixels."""
    vectors = dequantise(store.read(clip, [number])[0], bound)
    return np.hypot(vectors[..., 0], vectors[..., 1])


class Mosaic:
    """Pictures of one size as tiles of a larger one, row by row."""

    def __init__(self, height: int, width: int, tiles: int) -> None:
        self.height, self.width = height, width
        self.step = [BLOCK * ceil(side / BLOCK) for side in (height, width)]
        # About as high as wide, because decoders limit both sides.
        self.columns = max(1, round(sqrt(tiles * self.step[0] / self.step[1])))
        self.rows = ceil(tiles / self.columns)
        self.blank = np.full((height, width, 3), 255, np.uint8)

    def place(self, number: int) -> list[int]:
        """Left and top of a tile."""
        row, column = divmod(number, self.columns)
        return [column * self.step[1], row * self.step[0]]

    def fit(self, picture: np.ndarray, interpolation: int) -> np.ndarray:
        """A picture (h, w, 3) at the tiles' size."""
        if picture.shape[:2] == (self.height, self.width):
            return picture
        return cv2.resize(picture, (self.width, self.height), interpolation=interpolation)

    def join(self, pictures: Iterator[np.ndarray]) -> np.ndarray:
        """The mosaic (rows, columns, 3). Tiles are padded with their edge, which compresses best."""
        whole = np.zeros((self.rows * self.step[0], self.columns * self.step[1], 3), np.uint8)
        pad = ((0, self.step[0] - self.height), (0, self.step[1] - self.width), (0, 0))
        for number, picture in enumerate(pictures):
            left, top = self.place(number)
            whole[top : top + self.step[0], left : left + self.step[1]] = np.pad(picture, pad, "edge")
        return whole
