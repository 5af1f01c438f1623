"""Small videos with sound and uneven times, and a folder that a run of a small configuration has left."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from pipeline.config import SRModel
from pipeline.superres.models import save_network
from pipeline.superres.networks import load_network
from pipeline.video.clock import Clock
from pipeline.video.frames import read_frames
from pipeline.video.process import find_ffmpeg

MODELS = {
    "sosr": {"network": "rrdb", "args": {"blocks": 1, "features": 8, "growth": 4}},
    "tosr": {
        "network": "vsr_duf",
        "args": {"depth": 16, "units": 1, "growth": 4, "features": 8, "head": 8, "start": "bilinear"},
    },
    "clip": {"network": "basicvsr", "args": {"features": 4, "blocks": 1}},
}


@pytest.fixture(scope="session")
def ffmpeg():
    """Run ffmpeg; what it writes to standard output."""

    def call(*arguments):
        command = [find_ffmpeg(), "-nostdin", "-y", "-v", "error", *map(str, arguments)]
        return subprocess.run(command, check=True, capture_output=True).stdout

    return call


@pytest.fixture(scope="session")
def film(tmp_path_factory, ffmpeg):
    """24 frames of 32x24 at uneven times from half a second on, with two seconds of sound from 0 on."""
    path = tmp_path_factory.mktemp("film") / "in.mp4"
    ffmpeg(
        *["-f", "lavfi", "-i", "testsrc2=size=32x24:rate=30000/1001", "-f", "lavfi", "-i", "sine=duration=2"],
        *[
            "-vf",
            "settb=1/30000,setpts=PTS+0.5/TB+N*N*17",
            "-fps_mode",
            "passthrough",
            "-enc_time_base",
            "1:30000",
            "-frames:v",
            24,
        ],
        *["-c:v", "libx264", "-c:a", "aac", path],
    )
    return path


@pytest.fixture(scope="session")
def decoded():
    """A video's frames and clock."""

    def decode(path):
        clock = Clock()
        return np.stack(list(read_frames(path, clock=clock))), clock

    return decode


@pytest.fixture
def finished(tmp_path, monkeypatch):
    """The working folder of a run: its configuration and the weights of its models, which are not trained."""
    monkeypatch.chdir(tmp_path)
    # Threads of torch wait for one another, which takes long on a busy machine.
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    torch.manual_seed(0)
    training = {"iterations": 1, "losses": {"pixel": {"kind": "l1"}}}
    for name, model in MODELS.items():
        section = SRModel.model_validate(model)
        network = load_network(section.network, section.args)
        save_network(Path(f"results/superres/models/{name}.safetensors"), network, section, {})
    models = {name: {**model, "training": training} for name, model in MODELS.items()}
    methods = {name: {"label": f"The {name}", "model": name} for name in models}
    config = {
        "training_videos": {"root": "."},
        "datasets": {"toy": {"layout": "hmdb51", "root": ".", "splits": "."}},
        "flow": {"bound": 6.0, "tvl1": {"warps": 2, "scales": 2}},
        "patches": {"spatial_flow": "tvl1"},
        "superres": {
            "feature_network": {"network": "random_features"},
            "models": {"bicubic": {"network": "bicubic"}, "later": models["sosr"], **models},
        },
        "recognition": {
            "frame_size": [80, 64],
            "recognizers": {
                "tsn": {
                    "label": "TSN",
                    "protocol": "tsn",
                    "network": "bn_inception",
                    "args": {"width": 0.125, "blocks": ["3a", "3c", "4e", "5b"]},
                    "crop": 64,
                    "flow_stack": 3,
                    "test_snippets": 3,
                    "test_crops": 2,
                    "spatial": {"iterations": 1},
                    "temporal": {"iterations": 1},
                }
            },
        },
        "methods": {
            "bicubic": {"label": "Bicubic", "model": "bicubic"},
            **methods,
            "sosr_tosr": {"label": "SoSR+ToSR", "spatial": "sosr", "temporal": "tosr"},
            "hr": {"model": "hr"},
        },
        "tables": {},
    }
    Path("config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return tmp_path
