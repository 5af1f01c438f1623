"""The stage ``crop_patches``: training patches with the most motion, for SoSR and for ToSR."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Literal

import numpy as np

from pipeline.config import SCALE, Patches
from pipeline.data.manifest import Clip, read_manifest, select
from pipeline.errors import PipelineError
from pipeline.files import atomic_path, seed_for
from pipeline.patches.motion import aligned, candidate_positions, top_motion, warp_helps
from pipeline.patches.store import PARTS, PatchWriter
from pipeline.video.resize import imresize
from pipeline.video.store import ShardReader

Kind = Literal["sosr", "tosr"]
COUNTS = ("drawn", "between", "candidates", "dropped_by_warp", *PARTS)


class PatchError(PipelineError, ValueError):
    """Videos that no patches can be made from; the message says which and why."""


def crop_patches(
    kind: Kind,
    manifest: Path,
    hr: list[Path],
    lr: list[Path],
    flow: list[Path],
    patches: Patches,
    seed: int,
    out: Path,
    report: Path,
) -> None:
    """Cut the crops with the most motion out of every drawn frame, into one HDF5 file (section 4.1).

    ``hr``, ``lr`` and ``flow`` are the stores of the training videos by shard; the flow store's index names
    the drawn frames t, each with the flow in pixels from t to t + ``pair_gap``. ``sosr``: an HR patch, its
    flow, and its LR patch, bicubic of the HR patch (paper), not a cut from the LR frame, so that no pixel
    from outside the patch reaches it. ``tosr``: HR patches of t and t + pair_gap, the LR neighbourhood of
    each cut from the LR frames (zero beyond the ends of the video), kept only if warping raises the PSNR
    (authors' code). The last ``validation_fraction`` of the drawn frames of a video are for validation; a
    training patch reads no frame from the first of them on (those that would are counted as ``between``).

    ``report`` gets the counts, in all and by video, and the videos left out with the reason. Memory: the
    frames around one drawn frame at a time. Raises PatchError if not one training patch results.
    """
    videos, skipped, engines = {}, {}, set()
    clips = select(read_manifest(manifest), "train")
    with PatchWriter(out, kind, patches.size, patches.neighbours) as writer:
        for clip in clips:
            if min(clip.height, clip.width) < patches.size:
                skipped[clip.id] = f"{clip.width}x{clip.height} is smaller than a patch of {patches.size}"
                continue
            with (
                ShardReader(hr[clip.shard]) as hr_store,
                ShardReader(lr[clip.shard]) as lr_store,
                ShardReader(flow[clip.shard]) as flow_store,
            ):
                if clip.id not in flow_store.clips or not len(flow_store.index(clip.id)):
                    skipped[clip.id] = f"no frame drawn (it has {clip.frames})"
                    continue
                video = _Video(clip, hr_store, lr_store, flow_store, patches, seed)
                videos[clip.id] = video.cut(kind, writer)
                engines.add(str(flow_store.attrs(clip.id)["engine"]))
        totals = {name: sum(counts[name] for counts in videos.values()) for name in COUNTS}
        for name, reason in skipped.items():
            print(f"crop_patches: {name} left out: {reason}")
        if not totals["train"]:
            raise PatchError(
                f"no {kind} training patch from the {len(clips)} videos of {manifest}: {totals}, left out: "
                f"{skipped or 'none'}; smaller patches.size, more frames or warp_check: false may help"
            )
        made = {"kind": kind, "flow": "+".join(sorted(engines)), "pair_gap": patches.pair_gap, **totals}
        writer.finish(size=patches.size, neighbours=patches.neighbours, **made)
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
        patches: Patches,
        seed: int,
    ) -> None:
        self.clip, self.hr, self.lr, self.flow, self.patches, self.seed = clip, hr, lr, flow, patches, seed

    def cut(self, kind: Kind, writer: PatchWriter) -> dict[str, int]:
        """Write the patches of all drawn frames and count them."""
        counts = Counter(dict.fromkeys(COUNTS, 0))
        drawn = sorted(int(frame) for frame in self.flow.index(self.clip.id))
        held_out = min(len(drawn) - 1, max(1, round(self.patches.validation_fraction * len(drawn))))
        boundary = drawn[len(drawn) - held_out] if held_out else self.clip.frames
        reach = self._gap(kind) + (self.patches.neighbours // 2 if kind == "tosr" else 0)
        for frame in drawn:
            counts["drawn"] += 1
            if frame < boundary <= frame + reach:
                counts["between"] += 1
                continue
            part = "train" if frame < boundary else "validation"
            samples = self._samples(kind, frame, counts)
            writer.append(part, samples)
            counts[part] += len(samples)
        return dict(counts)

    def _gap(self, kind: Kind) -> int:
        """Frames that the stored flow spans; a ToSR pair must be as far apart."""
        gap = int(self.flow.attrs(self.clip.id)["gap"])
        if kind == "tosr" and gap != self.patches.pair_gap:
            raise PatchError(
                f"{self.clip.id}: its flow spans {gap} frames, but patches.pair_gap is "
                f"{self.patches.pair_gap}; extract the training flow again"
            )
        return gap

    def _samples(self, kind: Kind, frame: int, counts: Counter) -> list[dict]:
        """The patches of one drawn frame."""
        options, clip = self.patches, self.clip
        size = options.size
        rng = np.random.default_rng(seed_for(self.seed, "patches", kind, clip.id, str(frame)))
        flow = self.flow.read(clip.id, [frame])[0]  # (h, w, 2)
        if flow.shape[:2] != (clip.height, clip.width):
            raise PatchError(
                f"{clip.id}: flow is {flow.shape[1]}x{flow.shape[0]}, expected {clip.width}x{clip.height}; "
                f"extract the training flow again"
            )
        candidates = candidate_positions(clip.height, clip.width, size, options.grid, aligned(kind), rng)
        positions = top_motion(flow, candidates, size, options.border, options.crops)
        counts["candidates"] += len(candidates)
        if kind == "sosr":
            images = self.hr.read(clip.id, [frame])[0]  # (h, w, 3)
        else:
            images = self.hr.read(clip.id, [frame, frame + options.pair_gap])  # (2, h, w, 3)
            if options.warp_check:
                helps = warp_helps(images[0], images[1], flow, positions, size, options.border)
                counts["dropped_by_warp"] += int((~helps).sum())
                positions = positions[helps]
            around, padded = self._neighbourhoods(frame)
        samples = []
        for y, x in positions.tolist():
            sample = {
                "hr": images[..., y : y + size, x : x + size, :],
                "flow": flow[y : y + size, x : x + size],
                "video": clip.id, "frame": frame, "x": x, "y": y,
            }  # fmt: skip
            small = size // SCALE
            if kind == "sosr":
                sample["lr"] = imresize(sample["hr"], small, small)
            else:
                top, left = y // SCALE, x // SCALE
                sample["lr"] = around[:, :, top : top + small, left : left + small]
                sample["padded"] = padded
            samples.append(sample)
        return samples

    def _neighbourhoods(self, frame: int) -> tuple[np.ndarray, np.ndarray]:
        """LR frames (2, neighbours, h/4, w/4, 3) around both frames of a pair, and which of them are zero."""
        radius = self.patches.neighbours // 2
        numbers = np.add.outer([frame, frame + self.patches.pair_gap], np.arange(-radius, radius + 1))
        padded = (numbers < 0) | (numbers >= self.clip.frames)
        first, last = numbers[~padded].min(), numbers[~padded].max()
        window = self.lr.read(self.clip.id, list(range(first, last + 1)))
        around = window[numbers.clip(first, last) - first]
        around[padded] = 0
        return around, padded
