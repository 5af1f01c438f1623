"""Training batches from the patch files; the samples depend only on the seed and the step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from pipeline.config.superres import SRRecipe
from pipeline.errors import PipelineError
from pipeline.files import seed_for
from pipeline.hdf5 import open_hdf5, read_attributes, reading
from pipeline.training.prefetch import on_device

MEMORY_LIMIT = 1_000_000_000
"""Largest size in bytes of patches kept in memory; larger files are read sample by sample."""
WHOLE = slice(None)
"""All samples of a batch."""


class PatchFileError(PipelineError, ValueError):
    """A patch file does not suit a recipe; the message says what to change."""


class Batch(NamedTuple):
    """Patches for one step; images are RGB floats in [0, 1]. K is 2 for siamese pairs, else 1."""

    lr: torch.Tensor  # (B, K, frames, 3, s, s)
    hr: torch.Tensor  # (B, K, 3, 4s, 4s)
    flow: torch.Tensor  # (B, 2, 4s, 4s), HR pixels, u first


class PatchFile:
    """One part (``train`` or ``validation``) of a patch file, as read by one network and recipe.

    Raises PatchFileError if the file has another kind or too few neighbours, and DamagedError.
    """

    def __init__(
        self, path: Path, part: str, training: SRRecipe, frames: int, temporal_padding: str = "zero"
    ) -> None:
        self.path = path
        self._stack = ExitStack()
        file = self._stack.enter_context(open_hdf5(path))
        with reading(path):
            self.attributes = read_attributes(file)
            kind, self.size = str(self.attributes["kind"]), int(self.attributes["size"])
            neighbours = int(self.attributes["neighbours"]) if kind == "tosr" else 1
            # Not `items`, which returns None for a dataset that cannot be opened.
            group = {name: file[part][name] for name in file[part]}
        self.siamese = training.pairs
        self.temporal_padding = temporal_padding
        if kind != training.patches:
            raise PatchFileError(f"{path} holds {kind} patches, but training.patches is {training.patches}")
        if kind == "sosr" and (frames > 1 or self.siamese):
            raise PatchFileError(
                f"a network of {frames} frames{' with a loss of pairs' if self.siamese else ''} needs pairs "
                f"with neighbourhoods, but {path} holds single frames; set training.patches to tosr"
            )
        self.scale = int(group["hr"].shape[-2] // group["lr"].shape[-2])
        if training.crop and (training.crop > self.size or training.crop % self.scale):
            raise PatchFileError(
                f"training.crop is {training.crop}, but must be a multiple of {self.scale} and at most "
                f"{self.size}, the size of the patches of {path}"
            )
        if frames > neighbours:
            raise PatchFileError(
                f"the network reads {frames} frames, but {path} holds {neighbours}; raise patches.neighbours"
            )
        first = (neighbours - frames) // 2
        sides = slice(0, 2 if self.siamese else 1)
        around = slice(first, first + frames)
        # The part of each sample that is read: of pairs only the needed sides and central frames.
        self.parts: dict[str, tuple[slice, ...]] = {"hr": (), "lr": (), "flow": ()}
        if kind == "tosr":
            self.parts |= {"hr": (sides,), "lr": (sides, around), "padded": (sides, around)}
        self.length = len(group["hr"])
        if part == "train" and not self.length:
            raise PatchFileError(f"{path} holds no training patches; crop them again")
        self.arrays = group
        if self._bytes() <= MEMORY_LIMIT:
            self.arrays = {name: self._read(name, slice(None)) for name in self.parts}
            self.parts = dict.fromkeys(self.parts, ())
            self._stack.close()

    def _bytes(self) -> int:
        """Size in bytes of all that is read."""
        if not self.length:
            return 0
        return self.length * sum(self._read(name, 0).nbytes for name in self.parts)

    def _read(self, name: str, where: int | slice) -> np.ndarray:
        """The part that is read of one sample, or of all."""
        with reading(self.path):
            return self.arrays[name][(where, *self.parts[name])]

    def __len__(self) -> int:
        return self.length

    def sample(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One sample: hr (K, S, S, 3), lr (K, frames, S/4, S/4, 3), both uint8, flow (S, S, 2) float16."""
        values = {name: self._read(name, index) for name in self.parts}
        hr, lr, flow = values["hr"], values["lr"], values["flow"]
        if "padded" not in values:
            return hr[None], lr[None, None], flow
        if self.temporal_padding == "replicate" and values["padded"].any():
            lr = np.stack(
                [_replicate(frames, padded) for frames, padded in zip(lr, values["padded"], strict=True)]
            )
        return hr, lr, flow


def _replicate(frames: np.ndarray, padded: np.ndarray) -> np.ndarray:
    """Frames (n, h, w, 3) with each padded frame replaced by the nearest real one."""
    real = np.flatnonzero(~padded)
    return frames[np.arange(len(frames)).clip(real[0], real[-1])]


def draw_indices(count: int, batch_size: int, seed: int, step: int) -> np.ndarray:
    """The samples (batch_size,) of step ``step``, from 0: shuffled passes over all ``count``, end to end."""
    places = step * batch_size + np.arange(batch_size)
    return np.array([_permutation(count, seed, int(place // count))[place % count] for place in places])


@lru_cache(maxsize=4)
def _permutation(count: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch]).permutation(count)


def orient(image: np.ndarray, turn: int) -> np.ndarray:
    """One of the eight flips and rotations of an image (..., h, w, c), as a view.

    ``turn`` is a sum of 1 (mirror x), 2 (mirror y) and 4 (then exchange x and y).
    """
    if turn & 1:
        image = image[..., :, ::-1, :]
    if turn & 2:
        image = image[..., ::-1, :, :]
    return image.swapaxes(-2, -3) if turn & 4 else image


def orient_flow(flow: np.ndarray, turn: int) -> np.ndarray:
    """``orient`` for a flow field (..., h, w, 2), whose vectors are transformed as well."""
    signs = np.array([-1 if turn & 1 else 1, -1 if turn & 2 else 1], flow.dtype)
    flow = orient(flow, turn) * signs
    return flow[..., ::-1] if turn & 4 else flow


def training_batch(
    patches: PatchFile, training: SRRecipe, seed: int, step: int, part: slice = WHOLE
) -> Batch:
    """The batch of a step on the CPU: drawn without replacement, cropped, and optionally flipped and rotated.

    It depends only on ``seed`` and ``step``, so a resumed training gets the same batches as an uninterrupted
    one. Only ``part`` of its samples is read and returned.
    """
    rng = np.random.default_rng([seed, seed_for(seed, "augment"), step])
    indices = draw_indices(len(patches), training.batch_size, seed, step)
    crop, scale = training.crop or patches.size, patches.scale
    # Crops are on the LR grid, so that LR and HR crops show the same place.
    corners = rng.integers(0, (patches.size - crop) // scale + 1, (len(indices), 2))
    turns = rng.integers(0, 8 if training.augmented else 1, len(indices))
    samples = []
    drawn = zip(indices.tolist(), corners.tolist(), turns.tolist(), strict=True)
    for index, (y, x), turn in list(drawn)[part]:
        hr, lr, flow = patches.sample(index)
        small = (slice(y, y + crop // scale), slice(x, x + crop // scale))
        large = (slice(y * scale, y * scale + crop), slice(x * scale, x * scale + crop))
        samples.append(
            (orient(hr[:, *large], turn), orient(lr[:, :, *small], turn), orient_flow(flow[large], turn))
        )
    return _batch(samples)


def validation_batches(patches: PatchFile, batch_size: int, limit: int) -> Iterator[Batch]:
    """At most ``limit`` samples, spread evenly over the part, without crops and augmentation."""
    count = min(limit, len(patches))
    indices = np.linspace(0, len(patches) - 1, count).round().astype(int).tolist() if count else []
    for start in range(0, count, batch_size):
        yield _batch([patches.sample(index) for index in indices[start : start + batch_size]])


def _batch(samples: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Batch:
    """Samples of equal shape as float tensors, channels first."""
    hr, lr, flow = (np.stack(arrays) for arrays in zip(*samples, strict=True))
    return Batch(lr=_image(lr) / 255, hr=_image(hr) / 255, flow=_image(flow))


def _image(array: np.ndarray) -> torch.Tensor:
    tensor = torch.from_numpy(array).movedim(-1, -3)
    return tensor.to(torch.float32, memory_format=torch.contiguous_format)


def training_batches(
    patches: PatchFile,
    training: SRRecipe,
    seed: int,
    steps: range,
    device: torch.device,
    part: slice = WHOLE,
) -> Iterator[Batch]:
    """The batches of ``steps`` on ``device``, ``part`` of each (``training_batch``)."""
    return on_device(partial(training_batch, patches, training, seed, part=part), steps, device)
