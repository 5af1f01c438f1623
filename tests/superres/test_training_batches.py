"""Batches out of real patch files: what is read, drawn and turned."""

import numpy as np
import pytest
import torch

from pipeline.config import SRTraining
from pipeline.patches.store import PatchWriter
from pipeline.superres import batches
from pipeline.superres.batches import (
    PatchFile,
    PatchFileError,
    draw_indices,
    orient,
    orient_flow,
    training_batch,
    validation_batches,
)
from pipeline.video.resize import imresize

SOSR = SRTraining(batch_size=4)
TOSR = SRTraining(batch_size=3, patches="tosr")
SIAMESE = SRTraining(batch_size=3, patches="tosr", losses={"warp": {}})


def write_patches(path, kind: str, count: int = 6, size: int = 32):
    """A patch file of noise; neighbour k of side j of sample i has the grey level 10 i + 7 j + k."""
    rng = np.random.default_rng(0)
    with PatchWriter(path, kind, size, 7) as writer:
        for part in ("train", "validation"):
            samples = []
            for i in range(count):
                sides = (2,) if kind == "tosr" else ()
                hr = rng.integers(0, 256, (*sides, size, size, 3), dtype=np.uint8)
                sample = {"hr": hr, "video": "v", "frame": i, "x": 0, "y": 0}
                sample["flow"] = rng.normal(size=(size, size, 2)).astype(np.float16)
                if kind == "tosr":
                    levels = 10 * i + 7 * np.arange(2)[:, None] + np.arange(7)
                    sample["padded"] = np.zeros((2, 7), bool)
                    if i == 0:
                        sample["padded"][0, :3] = sample["padded"][1, :2] = True
                        levels = np.where(sample["padded"], 0, levels)
                    shape = (2, 7, size // 4, size // 4, 3)
                    sample["lr"] = np.broadcast_to(levels[..., None, None, None], shape).astype(np.uint8)
                else:
                    sample["lr"] = imresize(hr, size // 4, size // 4)
                samples.append(sample)
            writer.append(part, samples)
        writer.finish(kind=kind, size=size, neighbours=7, pair_gap=1)
    return path


def levels(lr: np.ndarray) -> list:
    return lr[:, :, 0, 0, 0].tolist()


@pytest.mark.parametrize("limit", [0, 10**9])
def test_pairs_are_read_as_the_network_and_recipe_need_them(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(batches, "MEMORY_LIMIT", limit)
    path = write_patches(tmp_path / "tosr.h5", "tosr")
    hr, lr, flow = PatchFile(path, "train", SIAMESE, frames=7).sample(2)
    assert hr.shape == (2, 32, 32, 3)
    assert flow.shape == (32, 32, 2)
    assert levels(lr) == [[20, 21, 22, 23, 24, 25, 26], [27, 28, 29, 30, 31, 32, 33]]
    hr, lr, _ = PatchFile(path, "train", TOSR, frames=3).sample(2)
    assert hr.shape == (1, 32, 32, 3)
    assert levels(lr) == [[22, 23, 24]]
    assert levels(PatchFile(path, "train", SIAMESE, frames=1).sample(2)[1]) == [[23], [30]]


@pytest.mark.parametrize("limit", [0, 10**9])
def test_padding_is_zero_or_the_nearest_frame(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(batches, "MEMORY_LIMIT", limit)
    path = write_patches(tmp_path / "tosr.h5", "tosr")
    zero = PatchFile(path, "train", SIAMESE, 7, "zero").sample(0)[1]
    assert levels(zero) == [[0, 0, 0, 3, 4, 5, 6], [0, 0, 9, 10, 11, 12, 13]]
    nearest = PatchFile(path, "train", SIAMESE, 7, "replicate").sample(0)[1]
    assert levels(nearest) == [[3, 3, 3, 3, 4, 5, 6], [9, 9, 9, 10, 11, 12, 13]]


@pytest.mark.parametrize(
    ("kind", "training", "frames", "message"),
    [
        ("sosr", SOSR, 7, "set training.patches to tosr"),
        ("sosr", SRTraining(losses={"warp": {}}), 1, "a loss of pairs needs pairs"),
        ("sosr", TOSR, 1, "holds sosr patches, but training.patches is tosr"),
        ("tosr", TOSR, 9, "raise patches.neighbours"),
        ("sosr", SRTraining(crop=64), 1, "training.crop is 64"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path, kind, training, frames, message):
    path = write_patches(tmp_path / "patches.h5", kind)
    with pytest.raises(PatchFileError, match=message):
        PatchFile(path, "train", training, frames)


def test_every_pass_draws_every_sample_once():
    drawn = np.concatenate([draw_indices(10, 4, 0, step) for step in range(10)])
    for start in range(0, 40, 10):
        assert sorted(drawn[start : start + 10]) == list(range(10))
    assert drawn[:10].tolist() != drawn[10:20].tolist()


@pytest.mark.parametrize("turn", range(8))
def test_flow_still_leads_to_the_same_content_after_turning(turn):
    """A turned flow, followed from a turned pixel, ends at the turned end of the original flow."""
    rng = np.random.default_rng(turn)
    size = 16
    numbered = np.arange(size * size).reshape(size, size, 1)  # each pixel has its own value
    flow = rng.integers(-3, 4, (size, size, 2)).astype(np.float16)
    ys, xs = np.mgrid[:size, :size]
    warped = numbered[(ys + flow[..., 1].astype(int)) % size, (xs + flow[..., 0].astype(int)) % size]
    turned, turned_flow = orient(numbered, turn), orient_flow(flow, turn)
    again = turned[
        (ys + turned_flow[..., 1].astype(int)) % size, (xs + turned_flow[..., 0].astype(int)) % size
    ]
    np.testing.assert_array_equal(again, orient(warped, turn))


def test_the_eight_turns_differ():
    image = np.arange(48).reshape(4, 4, 3)
    assert len({orient(image, turn).tobytes() for turn in range(8)}) == 8


def test_hr_and_lr_show_the_same_place_in_every_batch(tmp_path):
    """Antialiased shrinking of the HR crop gives the LR crop again, away from the crop's edges."""
    path = tmp_path / "sosr.h5"
    smooth = np.add.outer(np.arange(64) * 2, np.arange(64)).astype(np.uint8)[..., None].repeat(3, 2)
    with PatchWriter(path, "sosr", 64, 7) as writer:
        sample = {"hr": smooth, "lr": imresize(smooth, 16, 16), "flow": np.zeros((64, 64, 2), np.float16)}
        writer.append("train", [sample | {"video": "v", "frame": 0, "x": 0, "y": 0}])
        writer.finish(kind="sosr", size=64, neighbours=7)
    training = SRTraining(batch_size=8, crop=32)
    patches = PatchFile(path, "train", training, 1)
    for step in range(4):
        batch = training_batch(patches, training, 3, step)
        assert batch.lr.shape == (8, 1, 1, 3, 8, 8)
        assert batch.hr.shape == (8, 1, 3, 32, 32)
        assert batch.flow.shape == (8, 2, 32, 32)
        means = torch.nn.functional.avg_pool2d(batch.hr[:, 0], 4)
        assert (means - batch.lr[:, 0, 0])[..., 2:-2, 2:-2].abs().max() < 1.01 / 255


@pytest.mark.parametrize(
    ("augment", "turned"), [(None, {"sosr", "tosr"}), (True, {"sosr", "tosr", "siamese"}), (False, set())]
)
def test_patches_are_turned_as_the_recipe_says(tmp_path, augment, turned):
    """By default all but the pairs of a warp loss, as ESRGAN does and ToSR's authors do not."""
    for name, training in {"sosr": SOSR, "tosr": TOSR, "siamese": SIAMESE}.items():
        training = training.model_copy(update={"augment": augment})
        patches = PatchFile(write_patches(tmp_path / name, training.patches), "train", training, 1)
        batch = training_batch(patches, training, 0, 0)
        drawn = draw_indices(len(patches), training.batch_size, 0, 0)
        plain = [torch.from_numpy(patches.sample(int(i))[0]).movedim(-1, -3) / 255 for i in drawn]
        assert torch.equal(batch.hr, torch.stack(plain)) == (name not in turned), name


def test_a_batch_depends_on_seed_and_step_alone(tmp_path):
    path = write_patches(tmp_path / "tosr.h5", "tosr")
    patches = PatchFile(path, "train", SIAMESE, 7)
    first = training_batch(patches, SIAMESE, 1, 5)
    training_batch(patches, SIAMESE, 1, 6)
    again = training_batch(patches, SIAMESE, 1, 5)
    other = training_batch(patches, SIAMESE, 2, 5)
    assert torch.equal(first.hr, again.hr)
    assert torch.equal(first.lr, again.lr)
    assert torch.equal(first.flow, again.flow)
    assert not torch.equal(first.hr, other.hr)


def test_validation_is_whole_and_in_order(tmp_path):
    path = write_patches(tmp_path / "sosr.h5", "sosr")
    patches = PatchFile(path, "validation", SRTraining(crop=16), 1)
    found = list(validation_batches(patches, 4, 100))
    assert [len(batch.hr) for batch in found] == [4, 2]
    expected = torch.from_numpy(patches.sample(5)[0][0]).permute(2, 0, 1) / 255
    assert torch.equal(found[1].hr[1, 0], expected)
    assert sum(len(batch.hr) for batch in validation_batches(patches, 4, 3)) == 3
