"""A toy action data set in real stores, whose classes differ in colour and in vertical motion."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pipeline import config
from pipeline.data.manifest import Clip, write_manifest
from pipeline.recognition.protocols.st_resnet import (
    AppearanceTraining,
    JointStage1,
    JointStage2,
    JointTraining,
    STResNet,
)
from pipeline.recognition.protocols.tsn import TSN
from pipeline.video.store import ShardWriter

WIDTH, HEIGHT = 40, 32


@dataclass(frozen=True)
class Toy:
    """Stores and manifest of the toy data; test clips include one of a single frame."""

    manifest: Path
    frames: dict[str, Path]
    flow: dict[str, Path]
    frame_size: tuple[int, int] = (WIDTH, HEIGHT)


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    folder = tmp_path_factory.mktemp("toy")
    rng = np.random.default_rng(0)
    clips = []
    for split, count in (("train", 8), ("test", 5)):
        for label, name in enumerate(("Up", "Down")):
            for number in range(count):
                frames = 1 if split == "test" and number == 0 else int(rng.integers(6, 20))
                clip_id = f"{name}/{split}{number}"
                clips.append(Clip(clip_id, "", name, label, split, frames, HEIGHT, WIDTH, 0))
    stores = {}
    for kind in ("frames", "flow"):
        for split in ("train", "test"):
            stores[kind, split] = folder / f"{kind}-{split}.h5"
            with ShardWriter(stores[kind, split]) as writer:
                for clip in (clip for clip in clips if clip.split == split):
                    n, c = (clip.frames, 3) if kind == "frames" else (max(clip.frames - 1, 1), 2)
                    data = rng.integers(90, 160, size=(n, HEIGHT, WIDTH, c)).astype(np.uint8)
                    data[..., 0 if kind == "frames" else 1] += np.uint8(80 * clip.label)
                    writer.add(clip.id, data)
    manifest = folder / "manifest.csv"
    write_manifest(manifest, clips)
    pick = {kind: {split: stores[kind, split] for split in ("train", "test")} for kind in ("frames", "flow")}
    return Toy(manifest, pick["frames"], pick["flow"])


STEPS = {"iterations": 12, "batch_size": 4, "lr": 0.05, "dropout": 0.2, "clip_gradient": 20.0}


def training(**keys: object) -> config.DatasetTraining:
    """A training of a few steps."""
    return config.DatasetTraining(**STEPS | keys)


@pytest.fixture
def tsn() -> TSN:
    return TSN(
        protocol="tsn",
        label="TSN",
        args={"width": 0.125, "blocks": ["3a", "3c"]},
        crop=32,
        flow_stack=2,
        test_snippets=3,
        test_crops=2,
        spatial=training(),
        temporal=training(),
    )


@pytest.fixture
def st_resnet() -> STResNet:
    return STResNet(
        protocol="st_resnet",
        label="ST-ResNet",
        args={"depths": [1, 2, 1, 1], "width": 8},
        crop=32,
        flow_stack=4,
        test_frames=5,
        spatial=AppearanceTraining(**STEPS),
        temporal=training(),
        joint=JointTraining(
            stage1=JointStage1(**{**STEPS, "iterations": 6, "lr": 0.01, "frames": 3}),
            stage2=JointStage2(**{**STEPS, "iterations": 4, "lr": 0.001, "frames": 6}),
        ),
    )
