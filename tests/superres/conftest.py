"""Patches for the trainings of this folder."""

import numpy as np
import pytest

from pipeline.patches.store import PatchWriter
from pipeline.video.resize import imresize

SIZE = 32


def textures(rng, shape):
    """Blobs with sharp edges, which bicubic blurs and a network learns to sharpen."""
    coarse = imresize(rng.normal(size=(shape[0] // 8, shape[1] // 8, 1)), *shape)
    return np.where(coarse > 0, [[[200, 180, 160]]], [[[40, 60, 50]]]).astype(np.uint8)


@pytest.fixture(scope="session")
def patches(tmp_path_factory):
    """Patch files of both kinds."""
    folder, rng = tmp_path_factory.mktemp("patches"), np.random.default_rng(0)
    small = SIZE // 4
    for kind in ("sosr", "tosr"):
        with PatchWriter(folder / f"{kind}.h5", kind, SIZE, 7) as writer:
            for part, count in (("train", 8), ("validation", 3)):
                for i in range(count):
                    wide = textures(rng, (SIZE, SIZE + 16))
                    video = np.stack([wide[:, 8 - t : 8 - t + SIZE] for t in range(8)])  # moves right
                    flow = np.zeros((SIZE, SIZE, 2), np.float16)
                    flow[..., 0] = 1
                    sample = {"flow": flow, "video": "v", "frame": i, "x": 0, "y": 0}
                    low = imresize(video, small, small)
                    if kind == "sosr":
                        sample |= {"hr": video[3], "lr": low[3]}
                    else:
                        sample |= {"hr": video[3:5], "lr": np.stack([low[:7], low[1:]])}
                        sample["padded"] = np.zeros((2, 7), bool)
                    writer.append(part, [sample])
            writer.finish(kind=kind, size=SIZE, neighbours=7, pair_gap=1)
    return folder
