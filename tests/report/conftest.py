"""Synthetic score files."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.data.manifest import Clip, write_manifest


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


@pytest.fixture
def listing(tmp_path):
    """Manifests and left_out.csv of one data set: five clips, and others that were left out."""
    manifest, left_out = tmp_path / "manifest.csv", tmp_path / "left_out.csv"
    clips = [Clip(f"c/{n}", f"c/{n}.avi", "c", 0, "train", 9, 48, 64, 0) for n in range(5)]
    write_manifest(manifest, clips)
    reasons = [
        "broken: c/5.avi: mpeg4: ac-tex damaged at 0 2 (3 frames came)",
        '"broken: c/6.avi: no video stream, only audio (aac)"',
        '"listed, but no such file"',
        "listed as unused in this split",
        "not in the lists of split 1",
        "second file of clip c/1",
    ]
    lines = ["clip,reason", *(f"c/{n},{reason}" for n, reason in enumerate(reasons, start=5))]
    left_out.write_text("\n".join(lines) + "\n")
    return [manifest], [left_out]
