"""``from pipeline import ...``: what importing loads, and arrays in and out."""

import subprocess
import sys

import numpy as np
import pytest

from pipeline import load_sr, optical_flow, recognise, upscale
from pipeline.one_video.choice import ChoiceError
from pipeline.video.resize import imresize


def test_importing_the_package_loads_nothing_heavy(root):
    code = (
        "import sys, pipeline, pipeline.experiment\n"
        "assert 'upscale' in pipeline.__all__\n"
        "assert not {'torch', 'cv2', 'pipeline.api'} & {*sys.modules}, {'torch', 'cv2'} & {*sys.modules}\n"
        "from pipeline import upscale\n"
        "assert 'torch' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)


def test_bicubic_of_frames_is_that_of_matlab():
    frames = np.random.default_rng(0).integers(0, 256, (3, 10, 12, 3), dtype=np.uint8)
    found = upscale(frames, load_sr(network="bicubic", threads=1))
    assert found.dtype == np.uint8
    expected = imresize(frames.astype(float), 40, 48).clip(0, 255)
    np.testing.assert_allclose(found, expected, atol=0.501)


def test_flow_of_a_shifted_pattern_is_its_shift():
    y, x = np.mgrid[:48, :64]
    wave = [(127 + 60 * np.sin((x - s) / 5) + 60 * np.cos(y / 4 + (x - s) / 9)).clip(0, 255) for s in (0, 2)]
    first, second = (np.stack([plane] * 3, -1).astype(np.uint8) for plane in wave)
    flow = optical_flow(first, second)
    assert flow.shape == (48, 64, 2)
    np.testing.assert_allclose(np.median(flow, axis=(0, 1)), [2, 0], atol=0.2)


@pytest.mark.parametrize(
    ("array", "error", "message"),
    [
        (np.zeros((3, 8, 8, 3)), TypeError, "must be a uint8 array .* but is float64"),
        ([[1]], TypeError, "but is list"),
        (np.zeros((8, 8, 3), np.uint8), ValueError, r"must be \(T, h, w, 3\), but has shape \(8, 8, 3\)"),
        (np.zeros((3, 3, 8, 8), np.uint8), ValueError, r"has shape \(3, 3, 8, 8\)"),
        (np.zeros((0, 8, 8, 3), np.uint8), ValueError, "has shape"),
    ],
)
def test_other_arrays_are_refused(array, error, message):
    with pytest.raises(error, match=message):
        upscale(array, load_sr(network="bicubic", threads=1))
    with pytest.raises(error, match=message):
        recognise(array, None)


def test_a_method_or_weights():
    for arguments in ({}, {"method": "sosr", "network": "vdsr"}):
        with pytest.raises(ChoiceError, match="give either a method"):
            load_sr(**arguments)
