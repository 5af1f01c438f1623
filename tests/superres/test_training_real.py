"""From a real video to super-resolved frames, every stage through its real files."""

import asking
import h5py
import numpy as np
import pytest

from pipeline.config import (
    TVL1,
    SRModel,
    SRTraining,
)
from pipeline.config.patches import Pairs
from pipeline.data.manifest import Clip, write_manifest
from pipeline.data.plan import ClipPlan, write_plan
from pipeline.flow.extract_training import extract_training_flow
from pipeline.flow.request import ExtractTrainingFlow
from pipeline.patches.crop import crop_patches
from pipeline.patches.request import CropPatches
from pipeline.superres.inference import super_resolve
from pipeline.superres.training import train_sr
from pipeline.video.frames import read_frames
from pipeline.video.resize import imresize
from pipeline.video.store import ShardReader, ShardWriter
from pipeline.weights.checkpoint import read_own

FRAMES, HEIGHT, WIDTH = 20, 120, 160
RECIPE = {"iterations": 160, "batch_size": 8, "lr": 2e-3, "validate_every": 160, "milestones": [120]}
MODELS = {
    "sosr": SRModel(
        network="vdsr",
        args={"depth": 4, "features": 16},
        training=SRTraining(**RECIPE, losses={"pixel": {"flow_weight": "magnitude", "normalise": "mean"}}),
    ),
    "tosr": SRModel(
        network="vsr_duf",
        args={"depth": 16, "units": 1, "growth": 8, "features": 16, "head": 32, "start": "bilinear"},
        training=SRTraining(
            **RECIPE, patches="tosr", crop=32, losses={"pixel": {"kind": "huber"}, "warp": {}}
        ),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", MODELS)
def test_a_real_video_trains_a_network_that_beats_bicubic_where_it_was_not_trained(kind, real_data, tmp_path):
    video = real_data / "cdvl" / "vtest.avi"
    frames = np.stack([imresize(frame, HEIGHT, WIDTH) for frame in read_frames(video, FRAMES)])
    low = imresize(frames, HEIGHT // 4, WIDTH // 4)
    clips = [
        Clip("cdvl/vtest", str(video), "cdvl", 0, split, FRAMES, HEIGHT, WIDTH, 0)
        for split in ("train", "test")
    ]
    manifest, plan = tmp_path / "manifest.csv", tmp_path / "plan.json"
    write_manifest(manifest, clips)
    write_plan(plan, {"cdvl/vtest": ClipPlan(frames=[0, 18], fields=[18])})
    for name, content in (("hr", frames), ("lr", low)):
        with ShardWriter(tmp_path / f"{name}.h5") as writer:
            writer.add("cdvl/vtest", content)
    drawn = ExtractTrainingFlow(
        shard=0, engine="tvl1", tvl1=TVL1(scales=3, warps=2), flownet2=None, compute=None, gap=1, seed=0,
        frames_per_video=8, margin=3,
    )  # fmt: skip
    extract_training_flow(drawn, tmp_path / "hr.h5", manifest, None, tmp_path / "flow.h5")
    options = CropPatches(
        kind=kind, size=48, crops=4, border=6, grid=[24, 20], validation_fraction=0.2, seed=0,
        scale=4, low="patch", pairs=Pairs() if kind == "tosr" else None,
    )  # fmt: skip
    stores = ([tmp_path / f"{name}.h5"] for name in ("hr", "lr", "flow"))
    crop_patches(options, manifest, *stores, tmp_path / "patches.h5", tmp_path / "patches.json")
    with h5py.File(tmp_path / "patches.h5") as file:
        # People walk before a still background: patches hold motion.
        assert np.hypot(*np.moveaxis(file["train/flow"][:].astype(float), -1, 0)).mean() > 0.05

    model = MODELS[kind]
    train_sr(*asking.training(model, kind), tmp_path / "patches.h5", None, "", tmp_path / "model.pt")
    metadata = read_own(tmp_path / "model.pt")["metadata"]
    # Pixels without flow weigh nothing in SoSR's pixel loss and may come out worse than bicubic.
    assert kind == "sosr" or metadata["psnr"] > metadata["bicubic_psnr"]
    request = asking.frames(model, 30_000, shard=0)
    super_resolve(request, tmp_path / "model.pt", manifest, tmp_path / "lr.h5", plan, tmp_path / "sr.h5")
    with ShardReader(tmp_path / "sr.h5") as store:
        assert store.index("cdvl/vtest").tolist() == [0, 18, 19]
        errors = store.read("cdvl/vtest", [18])[0].astype(float) - frames[18]
    plain = imresize(low[18], HEIGHT, WIDTH).astype(float) - frames[18]
    # Frame 18 belongs to no training patch or neighbourhood; the comparison is where something moves.
    moving = abs(frames[18].astype(int) - frames[16]).max(axis=2) > 25
    assert 50 < moving.sum() < moving.size / 4
    assert np.square(errors[moving]).mean() < np.square(plain[moving]).mean()
