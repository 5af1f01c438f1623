"""Stages that decode videos once into HR and LR stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from pipeline.content import content_hash
from pipeline.data.degradations import degrade
from pipeline.data.manifest import Clip, DataError, read_manifest, select
from pipeline.data.request import Degrade, DegradeFrames, PrepareClips, PrepareNativeClips, PrepareVideos
from pipeline.data.sizes import fit
from pipeline.video.frames import read_frames
from pipeline.video.resize import imresize
from pipeline.video.store import ClipWriter, ShardReader, ShardWriter


def prepare_clips(request: PrepareClips, manifest: Path, hr: Path, lr: Path) -> None:
    """Write all frames of a shard's action clips, HR and LR.

    HR frames are the original frames, cropped at the right and bottom to multiples of the scale; LR frames
    are these under the degradation, by default imresize(HR, 1/scale). Memory holds a frame or two.

    Args:
        request: split, shard, scale and degradation.
        manifest: the data set's manifest.
        hr: HR store, RGB uint8.
        lr: LR store, RGB uint8.

    Raises:
        DataError: a clip has changed since the manifest was made.
        pipeline.video.frames.VideoError: a clip cannot be decoded.
        pipeline.video.process.FfmpegError: ffmpeg was killed or could not work.

    Source: paper section 4.1; docs/facts.md, section 1.
    """
    _prepare(select(read_manifest(manifest), request.split, request.shard), _crop, None, hr, lr, request)


def prepare_native_clips(request: PrepareNativeClips, manifest: Path, out: Path) -> None:
    """Write all frames of a shard's clips that are low-resolution by themselves, as they are.

    Args:
        request: split, shard and scale.
        manifest: the data set's manifest.
        out: LR store, RGB uint8.

    Raises:
        DataError, VideoError, FfmpegError: as in ``prepare_clips``.
    """
    with ShardWriter(out) as store:
        for clip in select(read_manifest(manifest), request.split, request.shard):
            if clip.content and content_hash(Path(clip.path)) != clip.content:
                raise DataError(_changed(clip, "another content"))
            stored = store.start(clip.id)
            for frame in read_frames(clip.path):
                if frame.shape[:2] != (clip.height // request.scale, clip.width // request.scale):
                    raise DataError(_changed(clip, f"frames of {frame.shape[1]}x{frame.shape[0]}"))
                stored.append(frame)
            if stored.count != clip.frames:
                raise DataError(_changed(clip, f"{stored.count} frames"))
            stored.finish()


def prepare_videos(request: PrepareVideos, manifest: Path, hr: Path, lr: Path) -> None:
    """Write the frames of a shard's training videos, resized by bicubic interpolation, and their LR.

    After resizing, HR frames are cropped at the right and bottom to multiples of the scale.

    Args:
        request: shard, target size of videos (pipeline.data.sizes.fit), limit of frames, scale, degradation.
        manifest: the training videos' manifest, made with the same size and limit.
        hr: HR store, RGB uint8.
        lr: LR store, RGB uint8.

    Raises:
        DataError: a video has changed since the manifest was made.
        pipeline.video.frames.VideoError: a video cannot be decoded.
        pipeline.video.process.FfmpegError: ffmpeg was killed or could not work.

    Source: paper section 4.1.
    """

    def resize(frame: np.ndarray, clip: Clip) -> np.ndarray:
        height, width = frame.shape[:2]
        target = fit(height, width, request.size, request.scale)
        return _crop(frame if target == (height, width) else imresize(frame, *target), clip)

    clips = select(read_manifest(manifest), "train", request.shard)
    _prepare(clips, resize, request.max_frames, hr, lr, request)


def degrade_frames(request: DegradeFrames, manifest: Path, hr: Path, out: Path) -> None:
    """Write the LR frames of a shard's HR store under a degradation, all frames of each clip.

    Args:
        request: split, shard, scale and degradation.
        manifest: the data set's manifest.
        hr: HR store of the shard.
        out: LR store, RGB uint8.

    Raises:
        DataError: the HR store has another number of frames than the manifest.
        pipeline.video.frames.VideoError: a codec does not take a clip.
        pipeline.video.process.FfmpegError: ffmpeg was killed or could not work.
    """
    with ShardReader(hr) as high, ShardWriter(out) as writer:
        for clip in select(read_manifest(manifest), request.split, request.shard):
            count = writer.add(clip.id, _low(_stored(high, clip), clip, request))
            if count != clip.frames:
                raise DataError(f"{hr}: {clip.id} gave {count} LR frames, but has {clip.frames} frames")


def _stored(store: ShardReader, clip: Clip) -> Iterator[np.ndarray]:
    for number in range(clip.frames):
        yield store.read(clip.id, [number])[0]


def _low(frames: Iterator[np.ndarray], clip: Clip, request: Degrade) -> Iterator[np.ndarray]:
    return degrade(frames, request.degradation, clip.id, request.scale, request.seed)


def _crop(frame: np.ndarray, clip: Clip) -> np.ndarray:
    return frame[: clip.height, : clip.width]


def _prepare(
    clips: list[Clip],
    shape: Callable[[np.ndarray, Clip], np.ndarray],
    max_frames: int | None,
    hr: Path,
    lr: Path,
    request: Degrade,
) -> None:
    with ShardWriter(hr) as hr_store, ShardWriter(lr) as lr_store:
        for clip in clips:
            if clip.content and content_hash(Path(clip.path)) != clip.content:
                raise DataError(_changed(clip, "another content"))
            hr_clip, lr_clip = hr_store.start(clip.id), lr_store.start(clip.id)
            shaped = _shaped(clip, shape, max_frames, hr_clip)
            for frame in _low(shaped, clip, request):
                lr_clip.append(frame)
            if hr_clip.count != clip.frames:
                raise DataError(_changed(clip, f"{hr_clip.count} frames"))
            if lr_clip.count != clip.frames:
                raise DataError(f"{clip.path}: its degradation gave {lr_clip.count} of {clip.frames} frames")
            hr_clip.finish()
            lr_clip.finish()


def _shaped(
    clip: Clip, shape: Callable[[np.ndarray, Clip], np.ndarray], max_frames: int | None, store: ClipWriter
) -> Iterator[np.ndarray]:
    """The HR frames of a clip, which are stored as they pass."""
    for decoded in read_frames(clip.path, max_frames):
        frame = shape(decoded, clip)
        if frame.shape[:2] != (clip.height, clip.width):
            raise DataError(_changed(clip, f"frames of {decoded.shape[1]}x{decoded.shape[0]}"))
        store.append(frame)
        yield frame


def _changed(clip: Clip, found: str) -> str:
    return (
        f"{clip.path}: has {found}, but the manifest says {clip.frames} frames for "
        f"{clip.width}x{clip.height} pixels; the file changed since it was listed: run again"
    )
