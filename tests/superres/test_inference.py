"""Super-resolution of test clips, from LR store to SR store."""

import asking
import numpy as np
import pytest
import torch
from torch import nn

from pipeline.config import Compute, SRModel
from pipeline.data.manifest import Clip, write_manifest
from pipeline.data.plan import ClipPlan, write_plan
from pipeline.superres import inference
from pipeline.superres.inference import SuperResolutionError, super_resolve
from pipeline.superres.models import CheckpointError, load_model, save_network
from pipeline.superres.network import ClipNetwork, VideoNetwork
from pipeline.superres.networks import load_network
from pipeline.superres.segments import segments
from pipeline.video.resize import imresize
from pipeline.video.store import ShardReader, ShardWriter
from tests.networks import SMALL

pytestmark = pytest.mark.numeric

FRAMES, HEIGHT, WIDTH = 13, 32, 40
BICUBIC = SRModel(network="bicubic")
VDSR = SRModel(network="vdsr", args={"depth": 3, "features": 8})


class MeanOfFive(VideoNetwork):
    """The mean of five LR frames, each pixel repeated: no parameters, an answer known by hand."""

    frames = 5
    temporal_padding = "zero"

    def super_resolve(self, lr):
        """(B, 5, 3, h, w) to (B, 3, 4h, 4w)."""
        assert lr.shape[1:3] == (5, 3)
        return lr.mean(1).repeat_interleave(4, 2).repeat_interleave(4, 3)


class ReplicatingMean(MeanOfFive):
    """The same, padded by the end frames."""

    temporal_padding = "replicate"


@pytest.fixture
def shard(tmp_path):
    """Two test clips of shard 1 and one of shard 0, with their LR store and plan."""
    clips, plan = [], {}
    rng = np.random.default_rng(0)
    with ShardWriter(tmp_path / "lr.h5") as writer:
        for name, number, height in (("a/x", 1, HEIGHT), ("a/y", 0, HEIGHT), ("b/z", 1, 24)):
            clips.append(Clip(name, f"{name}.avi", name[0], 0, "test", FRAMES, height, WIDTH, number))
            if number == 1:
                frames = rng.integers(0, 256, (FRAMES, height // 4, WIDTH // 4, 3), dtype=np.uint8)
                writer.add(name, frames)
                plan[name] = ClipPlan(frames=[0, 4, 12], fields=[4, 8])
    write_manifest(tmp_path / "manifest.csv", clips)
    write_plan(tmp_path / "plan.json", plan)
    return tmp_path


def run(folder, model, checkpoint=None, batch_pixels=10**6, compute=None, name="sr.h5", split="test"):
    # Training clips are read at random, so they have no plan.
    plan = folder / "plan.json" if split == "test" else None
    request = asking.frames(model, batch_pixels, compute, split)
    super_resolve(request, checkpoint, folder / "manifest.csv", folder / "lr.h5", plan, folder / name)
    with ShardReader(folder / name) as store:
        return {clip: (store.index(clip), store.read(clip, store.index(clip))) for clip in store.clips}


def lr_frames(folder, clip):
    with ShardReader(folder / "lr.h5") as store:
        return store.read(clip, range(FRAMES))


def test_only_planned_frames_of_the_shard_are_made_and_bicubic_is_imresize(shard):
    found = run(shard, BICUBIC)
    assert sorted(found) == ["a/x", "b/z"]
    for clip, height in (("a/x", HEIGHT), ("b/z", 24)):
        index, frames = found[clip]
        assert index.tolist() == [0, 4, 5, 8, 9, 12]
        assert frames.shape == (6, height, WIDTH, 3)
        assert frames.dtype == np.uint8
        expected = imresize(lr_frames(shard, clip)[index].astype(np.float64), height, WIDTH)
        np.testing.assert_allclose(frames, expected.clip(0, 255), atol=0.501)


@pytest.mark.parametrize("network", ["MeanOfFive", "ReplicatingMean"])
@pytest.mark.parametrize("batch", [1, 2, 100])
def test_neighbourhoods_and_their_padding(shard, network, batch):
    model = SRModel(network=f"{__name__}:{network}")
    index, frames = run(shard, model, batch_pixels=batch * HEIGHT * WIDTH)["a/x"]
    low = lr_frames(shard, "a/x").astype(np.float64)
    pad = np.zeros((2, *low.shape[1:]))
    ends = (pad, pad) if network == "MeanOfFive" else (low[[0, 0]], low[[-1, -1]])
    padded = np.concatenate([ends[0], low, ends[1]])
    for number, frame in zip(index, frames, strict=True):
        mean = padded[number : number + 5].mean(0).repeat(4, 0).repeat(4, 1)
        np.testing.assert_allclose(frame, mean, atol=0.51)


def test_the_same_frames_whatever_the_batch(shard):
    torch.manual_seed(0)
    network = load_network(VDSR.network, VDSR.args)
    nn.init.normal_(network.output.weight, std=0.05)
    save_network(shard / "vdsr.pt", network, VDSR, {"steps": 0})
    one = run(shard, VDSR, shard / "vdsr.pt", batch_pixels=1)
    many = run(shard, VDSR, shard / "vdsr.pt")
    plain = run(shard, BICUBIC)
    for clip in one:
        assert abs(one[clip][1].astype(int) - many[clip][1]).max() <= 1
        assert abs(one[clip][1].astype(int) - plain[clip][1]).max() > 2


def test_bfloat16_is_close(shard):
    torch.manual_seed(0)
    save_network(shard / "vdsr.pt", load_network(VDSR.network, VDSR.args), VDSR, {})
    exact = run(shard, VDSR, shard / "vdsr.pt")["a/x"][1].astype(int)
    fast = run(shard, VDSR, shard / "vdsr.pt", compute=Compute(precision="bfloat16"))["a/x"][1]
    assert abs(exact - fast).max() <= 2


def test_a_network_of_2d_and_3d_convolutions_runs_in_bfloat16(shard):
    args = {"depth": 16, "units": 1, "growth": 8, "features": 16, "head": 16, "start": "bilinear"}
    model = SRModel(network="vsr_duf", args=args)
    save_network(shard / "duf.pt", load_network(model.network, args), model, {})
    exact = run(shard, model, shard / "duf.pt", batch_pixels=1)["a/x"][1].astype(int)
    fast = run(shard, model, shard / "duf.pt", compute=Compute(precision="bfloat16"))["a/x"][1]
    assert abs(exact - fast).max() <= 3


def test_every_lr_frame_is_read_once(shard, monkeypatch):
    reads = []
    read = ShardReader.read

    def counted(store, clip, numbers):
        reads.extend((clip, number) for number in numbers)
        return read(store, clip, numbers)

    monkeypatch.setattr(inference.ShardReader, "read", counted)
    request = asking.frames(SRModel(network=f"{__name__}:MeanOfFive"), 2 * HEIGHT * WIDTH)
    paths = (shard / name for name in ("manifest.csv", "lr.h5", "plan.json", "sr.h5"))
    super_resolve(request, None, *paths)
    assert len(reads) == len(set(reads))


def test_a_one_frame_clip_has_one_frame(tmp_path):
    clip = Clip("a/one", "one.avi", "a", 0, "test", 1, HEIGHT, WIDTH, 1)
    write_manifest(tmp_path / "manifest.csv", [clip])
    write_plan(tmp_path / "plan.json", {clip.id: ClipPlan(frames=[0], fields=[0])})
    with ShardWriter(tmp_path / "lr.h5") as writer:
        writer.add(clip.id, [np.full((HEIGHT // 4, WIDTH // 4, 3), 90, np.uint8)])
    index, frames = run(tmp_path, SRModel(network=f"{__name__}:ReplicatingMean"))[clip.id]
    assert index.tolist() == [0]
    assert (frames == 90).all()


def test_without_a_plan_all_frames_of_the_splits_clips_are_made(tmp_path):
    clips = [Clip(f"a/{split}", "x", "a", 0, split, 3, HEIGHT, WIDTH, 1) for split in ("train", "test")]
    write_manifest(tmp_path / "manifest.csv", clips)
    with ShardWriter(tmp_path / "lr.h5") as writer:
        writer.add("a/train", [np.full((HEIGHT // 4, WIDTH // 4, 3), 50 * n, np.uint8) for n in range(3)])
    found = run(tmp_path, BICUBIC, split="train")
    assert list(found) == ["a/train"]
    index, frames = found["a/train"]
    assert index.tolist() == [0, 1, 2]
    assert frames.mean(axis=(1, 2, 3)).tolist() == [0, 50, 100]


def test_errors_name_what_is_wrong(shard):
    with pytest.raises(CheckpointError, match="vdsr has parameters, but"):
        load_model(VDSR, None)
    write_plan(shard / "plan.json", {"a/x": ClipPlan([0], [])})
    with pytest.raises(SuperResolutionError, match=r"b/z is not in .*plan\.json"):
        run(shard, BICUBIC)
    assert not (shard / "sr.h5").exists()
    write_manifest(shard / "manifest.csv", [Clip("a/x", "x.avi", "a", 0, "test", FRAMES, 64, 80, 1)])
    with pytest.raises(
        SuperResolutionError, match=r"a/x: LR frames are 10x8, .*80x64 at scale 4 requires 20x16"
    ):
        run(shard, BICUBIC)


class MeanOfClip(ClipNetwork):
    """The mean of all frames that it sees, for each of them."""

    segment, overlap = 3, 2

    def sequence(self, lr, wanted):
        """(B, T, 3, h, w) to the wanted frames (B, 3, 4h, 4w)."""
        mean = lr.mean(1).repeat_interleave(4, 2).repeat_interleave(4, 3)
        yield from [mean for _ in wanted]


def test_a_network_of_whole_clips_sees_segments_and_what_surrounds_them(shard):
    found = run(shard, SRModel(network=f"{__name__}:MeanOfClip"))
    index, frames = found["a/x"]
    index = index.tolist()
    assert index == [0, 4, 5, 8, 9, 12]
    lr = lr_frames(shard, "a/x")
    # 8 and 9 are nearer to 5 than twice the overlap, but further from 4 than a segment is long.
    for numbers, seen in (
        ([0], range(3)),
        ([4, 5], range(2, 8)),
        ([8, 9], range(6, 12)),
        ([12], range(10, 13)),
    ):
        expected = lr[list(seen)].astype(float).mean(0).repeat(4, 0).repeat(4, 1)
        for number in numbers:
            assert np.abs(frames[index.index(number)] - expected).max() <= 0.5 + 1e-3


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([], []),
        ([5], [([5], range(3, 8))]),
        ([0, 1, 9], [([0, 1], range(4)), ([9], range(7, 10))]),
        ([0, 3, 6], [([0, 3], range(6)), ([6], range(4, 9))]),
        ([0, 5], [([0], range(3)), ([5], range(3, 8))]),
    ],
)
def test_segments_of_a_clip(numbers, expected):
    assert list(segments(numbers, 10, segment=5, overlap=2)) == expected


def test_a_short_clip_is_seen_whole():
    network = load_network("basicvsr", SMALL["basicvsr"]).eval()
    clip = torch.rand(1, 9, 3, 10, 12, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        frames = list(network.sequence(clip, range(9)))
        assert [tuple(frame.shape) for frame in frames] == [(1, 3, 40, 48)] * 9
        torch.testing.assert_close(network(clip[:, 1:8]), list(network.sequence(clip[:, 1:8], range(7)))[3])
        some = list(network.sequence(clip, [2, 8]))
        assert torch.equal(torch.stack(some), torch.stack([frames[2], frames[8]]))
    # The first frame depends on the last one, and the last on the first.
    clip.requires_grad_()
    for made, other in ((0, 8), (8, 0)):
        (gradient,) = torch.autograd.grad(next(network.sequence(clip, [made])).sum(), clip)
        assert gradient[0, other].abs().sum() > 0
