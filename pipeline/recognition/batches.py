"""Training batches of a recogniser, each a function of the seed and the step alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import DataLoader

from pipeline import config
from pipeline.data.manifest import Clip
from pipeline.files import seed_for
from pipeline.recognition import inputs, sampling
from pipeline.recognition.reading import ClipReader

Batch = tuple[list[torch.Tensor], torch.Tensor]
"""Inputs and labels of a batch, or of a piece of it."""


class Batches:
    """Shuffled passes over ``clips``; ``names`` tells the seeds of two trainings apart.

    ``stage`` is the stage of a joint network's training. Of each batch only ``part`` is read and returned, in
    ``pieces`` of ``micro_batch`` clips. With ``same_place`` the crops of a piece share their place and their
    mirroring, not their sides (ST-ResNet's appearance stream).
    """

    def __init__(
        self,
        spec: config.TSN | config.STResNet,
        stream: str,
        clips: Sequence[Clip],
        reader: ClipReader,
        batch_size: int,
        seed: int,
        names: Sequence[str],
        stage: config.JointStage1 | None = None,
        part: slice = slice(None),
        micro_batch: int | None = None,
        same_place: bool = False,
    ):
        self.stage, self._part, self._same_place = stage, part, same_place
        self.spec, self.stream, self.clips, self.reader = spec, stream, list(clips), reader
        self.batch_size = batch_size
        clips_here = len(range(batch_size)[part])
        self._micro_batch = micro_batch or clips_here
        self.pieces = clips_here // self._micro_batch
        self._seed, self._names = seed, tuple(names)
        self._order: tuple[int, np.ndarray] | None = None

    def _rng(self, *purpose: str) -> np.random.Generator:
        return np.random.default_rng(seed_for(self._seed, *self._names, *purpose))

    def _clip(self, position: int) -> Clip:
        epoch, place = divmod(position, len(self.clips))
        if self._order is None or self._order[0] != epoch:
            order = self._rng("epoch", str(epoch)).permutation(len(self.clips))
            self._order = (epoch, order)
        return self.clips[self._order[1][place]]

    def of_steps(self, steps: range, device: torch.device, workers: int = 0) -> Iterator[Batch]:
        """The pieces of the batches of ``steps`` on ``device``, made when asked for, or ahead by processes.

        Each of the ``workers`` processes opens the stores itself, and has two pieces ready.
        """
        numbers = range(steps.start * self.pieces, steps.stop * self.pieces)
        pieces: Iterable[Batch] = map(self.__getitem__, numbers)
        if workers:
            pieces = DataLoader(
                self,
                batch_size=None,  # an item is a piece
                sampler=numbers,
                num_workers=workers,
                multiprocessing_context="spawn",
                pin_memory=device.type == "cuda",
                generator=torch.Generator(),  # leaves the training's own random numbers alone
            )
        for raw, labels in pieces:
            yield [part.to(device, non_blocking=True) for part in raw], labels.to(device)

    def __getitem__(self, number: int) -> Batch:
        """A piece of a batch, counted through: raw inputs and labels (B,).

        Inputs are one uint8 tensor (B, S, h, w, C) of a stream's S snippets, or for the joint network the
        frames (B, T, h, w, 3) and their flow (B, T, h, w, 2 x stack).
        """
        step, piece = divmod(number, self.pieces)
        positions = range(step * self.batch_size, (step + 1) * self.batch_size)[self._part]
        positions = positions[piece * self._micro_batch :][: self._micro_batch]
        place = inputs.st_place(self._rng("place", str(positions[0]))) if self._same_place else None
        samples, labels = [], []
        for position in positions:
            clip = self._clip(position)
            samples.append(self.sample(clip, self._rng("sample", str(position)), place))
            labels.append(clip.label)
        stacked = [torch.from_numpy(np.stack(arrays)) for arrays in zip(*samples, strict=True)]
        return stacked, torch.tensor(labels)

    def step_seed(self, step: int) -> int:
        """The seed of everything else that is random in a step."""
        return seed_for(self._seed, *self._names, "step", str(step)) + (self._part.start or 0)

    def sample(
        self, clip: Clip, rng: np.random.Generator, place: inputs.Place | None = None
    ) -> list[np.ndarray]:
        """One clip's augmented raw input; one crop and one mirroring for all its snippets."""
        frames, fields = self._indices(clip, rng)
        arrays, box = [], None
        crop, stack = self.spec.crop, self.spec.flow_stack
        for flow, numbers in ((False, frames), (True, fields)):
            if not numbers:
                continue
            raw = self.reader.fields(clip, numbers) if flow else self.reader.frames(clip, numbers)
            box = box or self._box(*raw.shape[1:3], rng, place)
            cropped = inputs.cut_resized(raw, box, crop, flow)
            arrays.append(inputs.stack_fields(cropped, stack) if flow else cropped)
        return arrays

    def _box(
        self, height: int, width: int, rng: np.random.Generator, place: inputs.Place | None
    ) -> inputs.Box:
        crop = self.spec.crop
        if self.spec.protocol == "tsn":
            return inputs.tsn_box(height, width, crop, self.stream, rng)
        if self.stream == "temporal":
            return inputs.st_flow_box(height, width, crop, rng)
        return inputs.st_box(height, width, crop, rng, place)

    def _indices(self, clip: Clip, rng: np.random.Generator) -> tuple[list[int], list[int]]:
        """Frames and fields of one sample; a stream that is not trained reads none."""
        spec, count = self.spec, sampling.count_fields(clip.frames)
        if spec.protocol == "tsn":
            if self.stream == "spatial":
                first, length = sampling.tsn_frames(clip.frames, spec.first_frame)
                starts = sampling.tsn_train_starts(length, 1, spec.train_snippets, rng)
                return [first + start for start in starts], []
            starts = sampling.tsn_train_starts(count, spec.flow_stack, spec.train_snippets, rng)
            return [], [f for start in starts for f in sampling.tsn_stack(start, count, spec.flow_stack)]
        if self.stage is not None:
            drawn = (self.stage.frames, self.stage.strides)
            frames = sampling.st_train_frames(clip.frames, spec.flow_stack, *drawn, rng)
        else:
            frames = [sampling.st_stream_frame(clip.frames, spec.flow_stack, self.stream, rng)]
        fields = [f for frame in frames for f in sampling.st_fields(frame, count, spec.flow_stack)]
        return (frames if self.stream != "temporal" else []), (fields if self.stream != "spatial" else [])
