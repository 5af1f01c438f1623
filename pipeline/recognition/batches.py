"""Training batches of a recogniser; each depends only on the seed and the step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from pipeline.config.stream_training import StreamTraining
from pipeline.data.manifest import Clip
from pipeline.files import seed_for
from pipeline.recognition import inputs
from pipeline.recognition.crops import Place
from pipeline.recognition.reading import Reader
from pipeline.recognition.streams import TrainedStream
from pipeline.training.prefetch import on_device

Batch = tuple[list[torch.Tensor], torch.Tensor]
"""Inputs and labels of a batch, or of a part of it."""


class Batches:
    """Shuffled passes over ``clips`` in one stage of a stream's training.

    ``names`` makes the seeds of two trainings differ. Of each batch only ``part`` is read and returned, in
    ``pieces`` of the stage's ``micro_batch`` clips.
    """

    def __init__(
        self,
        stream: TrainedStream,
        stage: StreamTraining,
        clips: Sequence[Clip],
        reader: Reader,
        seed: int,
        names: Sequence[str],
        part: slice = slice(None),
    ):
        self.stream, self.stage, self.clips, self.reader = stream, stage, list(clips), reader
        self._part, self._seed, self._names = part, seed, tuple(names)
        clips_here = len(range(stage.batch_size)[part])
        self._micro_batch = stage.micro_batch or clips_here
        self.pieces = clips_here // self._micro_batch
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
        """The pieces of the batches of ``steps`` on ``device``.

        ``workers`` processes make them ahead, if there are any; each opens the stores itself.
        """
        numbers = range(steps.start * self.pieces, steps.stop * self.pieces)
        return on_device(self.__getitem__, numbers, device, workers)

    def __getitem__(self, number: int) -> Batch:
        """Piece ``number``, counted over all steps: raw inputs and labels (B,).

        Inputs are one uint8 tensor (B, S, h, w, C) per backbone: frames (C is 3) and flow (C is 2 x stack) at
        S places of a clip, as far as the stream reads them.
        """
        step, piece = divmod(number, self.pieces)
        positions = range(step * self.stage.batch_size, (step + 1) * self.stage.batch_size)[self._part]
        positions = positions[piece * self._micro_batch :][: self._micro_batch]
        place = self.stream.shared_place(self.stage, self._rng("place", str(positions[0])))
        samples, labels = [], []
        for position in positions:
            clip = self._clip(position)
            samples.append(self.sample(clip, self._rng("sample", str(position)), place))
            labels.append(clip.label)
        stacked = [torch.from_numpy(np.stack(arrays)) for arrays in zip(*samples, strict=True)]
        return stacked, torch.tensor(labels)

    def step_seed(self, step: int) -> int:
        """The seed for all other random numbers of a step."""
        return seed_for(self._seed, *self._names, "step", str(step)) + (self._part.start or 0)

    def sample(self, clip: Clip, rng: np.random.Generator, place: Place | None = None) -> list[np.ndarray]:
        """One clip's augmented raw input; all its places have the same crop and mirroring."""
        places = self.stream.draw(clip.frames, self.stage, rng)
        arrays, box = [], None
        for flow, numbers in zip((False, True), self.stream.indices(places, clip.frames), strict=True):
            if not numbers:
                continue
            raw = self.reader.fields(clip, numbers) if flow else self.reader.frames(clip, numbers)
            height, width = raw.shape[1:3]
            box = box or self.stream.box(height, width, rng, place)
            cropped = inputs.cut_resized(raw, box, self.stream.crop, flow)
            arrays.append(inputs.stack_fields(cropped, self.stream.stack) if flow else cropped)
        return arrays
