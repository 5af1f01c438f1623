"""The stage ``crop_patches``: training patches with the most motion, for SoSR and for ToSR."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np

from pipeline.config.patches import Pairs
from pipeline.data.manifest import Clip, read_manifest, select
from pipeline.errors import PipelineError
from pipeline.files import atomic_path, seed_for
from pipeline.patches.motion import candidate_positions, top_motion, warp_helps
from pipeline.patches.request import CropPatches
from pipeline.patches.store import PARTS, PatchWriter
from pipeline.video.resize import imresize
from pipeline.video.store import ShardReader

COUNTS = ("drawn", "between", "candidates", "dropped_by_warp", *PARTS)


class PatchError(PipelineError, ValueError):
    """No patches can be made from videos; the message says which and why."""


def crop_patches(
    request: CropPatches,
    manifest: Path,
    hr: list[Path],
    lr: list[Path],
    flow: list[Path],
    out: Path,
    report: Path,
) -> None:
    """Cut the crops with the most motion out of every drawn frame, into one HDF5 file (section 4.1).

    ``hr``, ``lr`` and ``flow`` are the stores of the training videos by shard; the flow store's index names
    the drawn frames t, each with the flow in pixels from t to t + ``pair_gap``. ``sosr``: an HR patch, its
    flow, and its LR patch. ``tosr``: HR patches of t and t + pair_gap, and the LR neighbourhood of each
    (zero beyond the ends of the video), kept only if warping raises the PSNR (authors' code). LR patches are
    down-sampled HR patches (paper), not cut from LR frames, so that pixels outside the patch do not affect
    them; with ``low: frame`` they are cut from there. The last ``validation_fraction`` of the drawn
    frames of a video are for validation. Training patches read no frame from the first of these on; patches
    that would are skipped and counted as ``between``.

    ``report`` gets the counts, in total and by video, and the videos left out with the reason. Only the
    frames around one drawn frame are in memory. Raises PatchError if there is no training patch.
    """
    videos, skipped, engines = {}, {}, set()
    clips = select(read_manifest(manifest), "train")
    kind, neighbours = request.kind, request.pairs.neighbours if request.pairs else 1
    with PatchWriter(out, kind, request.size, neighbours, request.scale) as writer:
        for clip in clips:
            if min(clip.height, clip.width) < request.size:
                skipped[clip.id] = f"{clip.width}x{clip.height} is smaller than a patch of {request.size}"
                continue
            with (
                ShardReader(hr[clip.shard]) as hr_store,
                ShardReader(lr[clip.shard]) as lr_store,
                ShardReader(flow[clip.shard]) as flow_store,
            ):
                if clip.id not in flow_store.clips or not len(flow_store.index(clip.id)):
                    skipped[clip.id] = f"no frame drawn (it has {clip.frames})"
                    continue
                video = _Video(clip, hr_store, lr_store, flow_store, request)
                videos[clip.id] = video.cut(writer)
                engines.add(str(flow_store.attrs(clip.id)["engine"]))
        totals = {name: sum(counts[name] for counts in videos.values()) for name in COUNTS}
        for name, reason in skipped.items():
            print(f"crop_patches: {name} left out: {reason}")
        if not totals["train"]:
            raise PatchError(
                f"no {kind} training patch from the {len(clips)} videos of {manifest}: {totals}, left out: "
                f"{skipped or 'none'}; smaller patches.size, more frames or warp_check: false may help"
            )
        gap = {"pair_gap": request.pairs.pair_gap} if request.pairs else {}
        made = {"kind": kind, "flow": "+".join(sorted(engines)), **gap, **totals}
        writer.finish(size=request.size, neighbours=neighbours, **made)
    summary = {**made, "skipped": skipped, "videos": videos}
    with atomic_path(report) as temporary:
        temporary.write_text(json.dumps(summary, indent=1) + "\n")


class _Video:
    """One training video with its stores."""

    def __init__(
        self,
        clip: Clip,
        hr: ShardReader,
        lr: ShardReader,
        flow: ShardReader,
        request: CropPatches,
    ) -> None:
        self.clip, self.hr, self.lr, self.flow, self.request = clip, hr, lr, flow, request

    def cut(self, writer: PatchWriter) -> dict[str, int]:
        """Write the patches of all drawn frames and count them."""
        counts = Counter(dict.fromkeys(COUNTS, 0))
        drawn = sorted(int(frame) for frame in self.flow.index(self.clip.id))
        held_out = min(len(drawn) - 1, max(1, round(self.request.validation_fraction * len(drawn))))
        boundary = drawn[len(drawn) - held_out] if held_out else self.clip.frames
        pairs = self.request.pairs
        reach = self._gap() + (pairs.neighbours // 2 if pairs else 0)
        for frame in drawn:
            counts["drawn"] += 1
            if frame < boundary <= frame + reach:
                counts["between"] += 1
                continue
            part = "train" if frame < boundary else "validation"
            samples = self._samples(frame, counts)
            writer.append(part, samples)
            counts[part] += len(samples)
        return dict(counts)

    def _gap(self) -> int:
        """Frames spanned by the stored flow; a ToSR pair must have the same distance."""
        gap, pairs = int(self.flow.attrs(self.clip.id)["gap"]), self.request.pairs
        if pairs and gap != pairs.pair_gap:
            raise PatchError(
                f"{self.clip.id}: its flow spans {gap} frames, but patches.pair_gap is "
                f"{pairs.pair_gap}; extract the training flow again"
            )
        return gap

    def _samples(self, frame: int, counts: Counter) -> list[dict]:
        """The patches of one drawn frame."""
        request, pairs, clip = self.request, self.request.pairs, self.clip
        size, scale = request.size, request.scale
        rng = np.random.default_rng(seed_for(request.seed, "patches", request.kind, clip.id, str(frame)))
        flow = self.flow.read(clip.id, [frame])[0]  # (h, w, 2)
        if flow.shape[:2] != (clip.height, clip.width):
            raise PatchError(
                f"{clip.id}: flow is {flow.shape[1]}x{flow.shape[0]}, expected {clip.width}x{clip.height}; "
                f"extract the training flow again"
            )
        # LR patches cut from LR frames need HR positions that are multiples of the scale.
        whole = request.low == "patch"
        step = 1 if whole else scale
        candidates = candidate_positions(clip.height, clip.width, size, request.grid, step, rng)
        positions = top_motion(flow, candidates, size, request.border, request.crops)
        counts["candidates"] += len(candidates)
        samples = []
        if pairs is None:
            images = self.hr.read(clip.id, [frame])[0]  # (h, w, 3)
            small_images = None if whole else self.lr.read(clip.id, [frame])[0]
        else:
            window, around, padded = self._neighbourhoods(pairs, self.hr if whole else self.lr, frame)
            centres = [frame, frame + pairs.pair_gap]
            images = (
                window[around[:, pairs.neighbours // 2]] if whole else self.hr.read(clip.id, centres)
            )  # (2, h, w, 3)
        for y, x in positions.tolist():
            place = (slice(y, y + size), slice(x, x + size))
            patch, fields = images[..., *place, :], flow[place]
            if pairs and pairs.warp_check and not warp_helps(patch[0], patch[1], fields, request.border):
                counts["dropped_by_warp"] += 1
                continue
            sample = {"hr": patch, "flow": fields, "video": clip.id, "frame": frame, "x": x, "y": y}
            small = (slice(y // scale, (y + size) // scale), slice(x // scale, (x + size) // scale))
            if pairs is None:
                sample["lr"] = _shrunk(patch, scale) if small_images is None else small_images[small]
            else:
                low = _shrunk(window[:, *place], scale) if whole else window[:, *small]
                sample["lr"] = np.where(padded[..., None, None, None], np.uint8(0), low[around])
                sample["padded"] = padded
            samples.append(sample)
        return samples

    def _neighbourhoods(
        self, pairs: Pairs, store: ShardReader, frame: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The frames around a pair, once each (n, h, w, 3); for both neighbourhoods (2, neighbours) the index
        of each frame among them, and whether it is zero because it is beyond the video's ends.
        """
        radius = pairs.neighbours // 2
        numbers = np.add.outer([frame, frame + pairs.pair_gap], np.arange(-radius, radius + 1))
        padded = (numbers < 0) | (numbers >= self.clip.frames)
        first, last = numbers[~padded].min(), numbers[~padded].max()
        window = store.read(self.clip.id, list(range(first, last + 1)))
        return window, numbers.clip(first, last) - first, padded


def _shrunk(patches: np.ndarray, scale: int) -> np.ndarray:
    """Down-sample HR patches (..., size, size, 3) to LR, each one separately."""
    small = patches.shape[-2] // scale
    return imresize(patches, small, small)
