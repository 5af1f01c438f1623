"""PSNR of validation in training, by hand."""

import numpy as np
import pytest

from pipeline.config import Compute, SRTraining
from pipeline.patches.store import PatchWriter
from pipeline.superres.batches import PatchFile
from pipeline.superres.networks import load_network
from pipeline.superres.validation import validate

pytestmark = pytest.mark.numeric

SIZE = 16


def test_psnr_is_the_tables(tmp_path):
    """The mean over patches, in 8 bits and without 4 px of border; an exact patch counts as 100 dB."""
    exact, off = (np.full((SIZE, SIZE, 3), 80, np.uint8) for _ in range(2))
    off[4:-4, 4:-4] += 3  # seen
    off[0] += 90  # in the border
    sample = {"flow": np.zeros((SIZE, SIZE, 2), np.float16), "video": "v", "x": 0, "y": 0}
    with PatchWriter(tmp_path / "p.h5", "sosr", SIZE, 7) as writer:
        for place, hr in enumerate((exact, off)):
            writer.append("validation", [sample | {"frame": place, "hr": hr, "lr": exact[::4, ::4]}])
        writer.finish(kind="sosr", size=SIZE, neighbours=7, pair_gap=1)
    patches = PatchFile(tmp_path / "p.h5", "validation", SRTraining(), 1)
    found = validate(load_network("bicubic", {}), patches, 2, Compute())
    expected = (100 + 20 * np.log10(255 / 3)) / 2
    assert found.psnr == found.bicubic_psnr == pytest.approx(expected)
