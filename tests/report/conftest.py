"""Score files made by hand."""

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def write_scores(tmp_path):
    """Write scores that pick the given classes: one file a shard, clips "class/number"."""

    def write(
        recognizer: str, method: str, labels: list[int], shards: int = 1, **picked: list[int]
    ) -> list[Path]:
        clips = np.array([f"{'abcdef'[label]}/{place:03}" for place, label in enumerate(labels)])
        paths = []
        for shard in range(shards):
            part = slice(shard, None, shards)
            streams = {
                name: np.eye(6, dtype=np.float32)[np.array(values)[part]] for name, values in picked.items()
            }
            path = tmp_path / f"{recognizer}-{method}-{shard}.npz"
            about = {"dataset": "set", "recognizer": recognizer, "method": method}
            np.savez(path, **about, clips=clips[part], labels=np.array(labels)[part], **streams)
            paths.append(path)
        return paths

    return write
