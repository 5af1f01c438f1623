"""The flow stages on small stores: what they write, what they read, what they refuse."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.config import TVL1
from pipeline.config.compute import Device
from pipeline.config.flow import FlowNetwork
from pipeline.data.manifest import Clip, write_manifest
from pipeline.data.plan import ClipPlan, write_plan
from pipeline.files import seed_for
from pipeline.flow.draw import draw_frames
from pipeline.flow.extract import extract_flow
from pipeline.flow.extract_training import extract_training_flow
from pipeline.flow.pairs import FlowError
from pipeline.flow.quantise import dequantise, quantise
from pipeline.flow.request import ExtractFlow, ExtractTrainingFlow
from pipeline.flow.tvl1 import tvl1
from pipeline.video.store import ShardReader, ShardWriter

pytestmark = pytest.mark.numeric

WIDTH, HEIGHT = 44, 32
LENGTHS = {"Run/long": 7, "Run/pair": 2, "Sit/one": 1}


def moving_frames(count: int, seed: int, width: int = 64, height: int = 48) -> np.ndarray:
    """A colour texture that moves right by two pixels a frame."""
    rng = np.random.default_rng(seed)
    wide = rng.uniform(0, 255, (height, width + 2 * count, 3)).astype(np.float32)
    wide = cv2.normalize(cv2.GaussianBlur(wide, (0, 0), 2), None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    return np.stack([wide[:, 2 * (count - i) : 2 * (count - i) + width] for i in range(count)])


@pytest.fixture
def shard(tmp_path: Path) -> dict[str, Path]:
    clips = [
        Clip(name, f"{name}.avi", name.split("/")[0], 0, "train", count, 48, 64, 0)
        for name, count in LENGTHS.items()
    ]
    other = Clip("Sit/elsewhere", "x.avi", "Sit", 0, "train", 5, 48, 64, 1)
    write_manifest(tmp_path / "clips.csv", [*clips, other])
    with ShardWriter(tmp_path / "frames.h5") as writer:
        for i, clip in enumerate(clips):
            writer.add(clip.id, moving_frames(clip.frames, i))
    return {"frames": tmp_path / "frames.h5", "manifest": tmp_path / "clips.csv", "out": tmp_path / "flow.h5"}


def run(shard: dict[str, Path], plan: Path | None = None) -> None:
    size = [WIDTH, HEIGHT]
    request = ExtractFlow(split="train", shard=0, tvl1=TVL1(), bound=20.0, frame_size=size)
    extract_flow(request, **shard, plan=plan)


def expected_field(clip: int, number: int) -> np.ndarray:
    frames = moving_frames(list(LENGTHS.values())[clip], clip)[number : number + 2]
    grey = [
        cv2.cvtColor(cv2.resize(frame, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR), cv2.COLOR_RGB2GRAY)
        for frame in frames
    ]
    return quantise(np.moveaxis(tvl1(*grey, TVL1()), 0, -1), 20.0)


def test_all_fields_of_the_shards_clips(shard):
    run(shard)
    with ShardReader(shard["out"]) as reader:
        assert reader.clips == sorted(LENGTHS)
        assert list(reader.index("Run/long")) == [0, 1, 2, 3, 4, 5]
        fields = reader.read("Run/long", range(6))
        assert fields.shape == (6, HEIGHT, WIDTH, 2)
        assert fields.dtype == np.uint8
        for number in range(6):
            np.testing.assert_array_equal(fields[number], expected_field(0, number))
        np.testing.assert_array_equal(reader.read("Run/pair", [0])[0], expected_field(1, 0))
        # Two pixels of 64 are 1.375 of 44.
        assert np.median(dequantise(fields, 20.0)[..., 0]) == pytest.approx(1.375, abs=0.1)


def test_one_frame_clip_has_one_field_of_zero_motion(shard):
    run(shard)
    with ShardReader(shard["out"]) as reader:
        assert list(reader.index("Sit/one")) == [0]
        np.testing.assert_array_equal(reader.read("Sit/one", [0]), np.full((1, HEIGHT, WIDTH, 2), 128))


def test_plan_limits_fields_and_the_frames_that_must_exist(shard, tmp_path):
    plan = {
        "Run/long": ClipPlan([0], [1, 2, 4]),
        "Run/pair": ClipPlan([0], [0]),
        "Sit/one": ClipPlan([0], [0]),
    }
    write_plan(tmp_path / "plan.json", plan)
    sparse = tmp_path / "sparse.h5"
    with ShardWriter(sparse) as writer:
        for i, (name, count) in enumerate(LENGTHS.items()):
            wanted = [number for number in plan[name].all_frames if number < count]
            writer.add(name, moving_frames(count, i)[wanted], index=wanted)
    run(shard | {"frames": sparse}, tmp_path / "plan.json")
    with ShardReader(shard["out"]) as reader:
        assert list(reader.index("Run/long")) == [1, 2, 4]
        for place, number in enumerate([1, 2, 4]):
            np.testing.assert_array_equal(reader.read("Run/long", [number])[0], expected_field(0, number))
            np.testing.assert_array_equal(
                reader.read("Run/long", [1, 2, 4])[place], expected_field(0, number)
            )


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"Run/long": ClipPlan([0], [0])}, "no clip Run/pair"),
        ({"Run/long": ClipPlan([0], [6])}, r"fields \[6\].*Run/long, which has 7 frames"),
        ({"Run/long": ClipPlan([0], [])}, "Run/long"),
    ],
)
def test_plan_that_does_not_fit_is_refused_and_leaves_no_file(shard, tmp_path, plan, message):
    write_plan(tmp_path / "plan.json", plan)
    with pytest.raises(FlowError, match=message):
        run(shard, tmp_path / "plan.json")
    assert not shard["out"].exists()


def training(shard: dict[str, Path], engine="tvl1", gap=1, margin=1, weights=None) -> None:
    request = ExtractTrainingFlow(
        shard=0,
        engine=engine,
        tvl1=TVL1() if engine == "tvl1" else None,
        flownet2=FlowNetwork() if engine == "flownet2" else None,
        compute=Device() if engine == "flownet2" else None,
        gap=gap,
        frames_per_video=3,
        margin=margin,
        seed=5,
    )
    extract_training_flow(request, **shard, weights=weights)


@pytest.mark.parametrize("gap", [1, 2])
def test_training_flow_of_drawn_frames_at_full_size(shard, gap, capsys):
    training(shard, gap=gap)
    drawn = draw_frames(7, 3, 1, gap, np.random.default_rng(seed_for(5, "draw", "Run/long")))
    with ShardReader(shard["out"]) as reader:
        assert reader.clips == ["Run/long"]
        assert list(reader.index("Run/long")) == drawn
        fields = reader.read("Run/long", drawn)
    assert fields.dtype == np.float16
    assert fields.shape == (3, 48, 64, 2)
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in moving_frames(7, 0)]
    for field, number in zip(fields, drawn, strict=True):
        expected = np.moveaxis(tvl1(grey[number], grey[number + gap], TVL1()), 0, -1)
        np.testing.assert_allclose(field, expected, rtol=1e-3, atol=1e-6)
    assert np.median(fields[..., 0]) == pytest.approx(2 * gap, abs=0.1)
    left_out = capsys.readouterr().err
    assert "Run/pair" in left_out
    assert "Sit/one" in left_out


def test_all_videos_too_short_is_an_error(shard):
    with pytest.raises(FlowError, match="all 3 videos are too short for margin 4"):
        training(shard, margin=4)
    assert not shard["out"].exists()


def test_flownet2_without_weights_names_the_keys(shard, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"flow\.flownet2\.weights.*patches\.spatial_flow"):
        training(shard, engine="flownet2")
    with pytest.raises(FileNotFoundError, match=r"nothing\.pth"):
        training(shard, engine="flownet2", weights=tmp_path / "nothing.pth")


def test_tvl1_stages_do_not_import_torch():
    code = "import sys, pipeline.flow.extract; print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
