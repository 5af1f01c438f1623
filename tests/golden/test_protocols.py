"""Sampling, crops, resizing, measures and statistics against published implementations (README.md here).

ST-ResNet's test frames come from a transcription of MATLAB files that was not run, which is weaker evidence.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from pipeline.quality.metrics import channels, ssim
from pipeline.recognition.crops import scoring_boxes, tsn_box
from pipeline.recognition.sampling import st_fields, st_test_frames, tsn_stack, tsn_test_starts
from pipeline.report.accuracy import measure
from pipeline.report.scores import StreamScores
from pipeline.report.significance import holm, mcnemar
from pipeline.superres.networks import load_network
from pipeline.video.psnr import psnr
from pipeline.video.resize import imresize
from tests.golden.reading import arrays, draws, facts

pytestmark = pytest.mark.numeric


@pytest.mark.parametrize("stack", [1, 5])
def test_tsn_test_indices(stack):
    starts = facts("tsn_test_indices")[f"stack_{stack}"]
    assert len(starts) == 43
    for length, expected in starts.items():
        found = tsn_test_starts(int(length), stack, 25)
        assert found == expected, length
        last = int(length) - 1
        assert [tsn_stack(start, int(length), stack)[-1] for start in found] == [
            min(start + stack - 1, last) for start in expected
        ]


def test_st_resnet_test_frames():
    for length, expected in facts("stresnet_test_frames")["frames"].items():
        assert st_test_frames(int(length), 10, 25) == expected, length
        assert st_fields(expected[0], int(length) - 1, 10) == list(range(expected[0] - 5, expected[0] + 5))


def test_tsn_ten_crops():
    golden = facts("tsn_ten_crops")
    boxes = scoring_boxes(256, 340, 224, 10)
    found = sorted([box.top, box.left, box.height, box.width, box.mirrored] for box in boxes)
    # The order differs, which an average over them does not see.
    assert found == sorted(golden["rgb"]) == sorted(golden["flow"])


class Chosen:
    """In place of a random generator: given integers, and of how many each was chosen."""

    def __init__(self, choices: tuple[int, ...]) -> None:
        self.choices, self.of = list(choices), []

    def integers(self, n: int) -> int:
        self.of.append(n)
        return self.choices.pop(0)


@pytest.mark.parametrize(
    "case", facts("tsn_multi_scale_crop")["cases"], ids=lambda c: f"{c['width']} {c['stream']}"
)
def test_tsn_training_crops(case):
    """Every crop that can be drawn, as often as it can be drawn."""

    def box(*choices: int) -> tuple[int, ...]:
        found = tsn_box(case["height"], case["width"], 224, case["stream"], Chosen(choices))
        return found.width, found.height, found.left, found.top

    probe = Chosen((0, 0, 0))
    tsn_box(case["height"], case["width"], 224, case["stream"], probe)
    sizes, places, mirrors = probe.of
    assert mirrors == 2
    expected = [(b["width"], b["height"], *offset) for b in case["boxes"] for offset in b["offsets"]]
    assert sorted(box(*choice, 0) for choice in product(range(sizes), range(places))) == sorted(expected)


def test_imresize():
    golden, tolerance = arrays("basicsr_imresize"), facts("basicsr_imresize")["tolerance"]["absolute"]
    frame = golden["input"]
    np.testing.assert_allclose(imresize(frame, 6, 8), golden["quarter"], rtol=0, atol=tolerance)
    np.testing.assert_allclose(imresize(frame, 96, 128)[::3, ::3], golden["times_4"], rtol=0, atol=tolerance)
    with torch.no_grad():
        enlarged = load_network("bicubic", {})(torch.from_numpy(frame).permute(2, 0, 1)[None])[0]
    found = enlarged.permute(1, 2, 0)[::3, ::3].numpy()
    np.testing.assert_allclose(found, golden["times_4"], rtol=0, atol=tolerance)


def pictures() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The pairs of ``basicsr_metrics``, by its formulas."""

    def near(a: np.ndarray, seed: int, most: int) -> np.ndarray:
        return np.clip(a + draws(seed, 1).integers(-most, most + 1, a.shape), 0, 255).astype(np.uint8)

    noise = draws(601, 0).integers(0, 256, (40, 44, 3)).astype(np.uint8)
    blocks = draws(602, 0).integers(0, 256, (9, 11, 3)).repeat(5, 0).repeat(5, 1)[:43, :53].astype(np.uint8)
    unrelated = tuple(draws(603, k).integers(0, 256, (32, 36, 3)).astype(np.uint8) for k in (0, 1))
    return {
        "noise": (noise, near(noise, 601, 20)),
        "blocks": (blocks, near(blocks, 602, 8)),
        "unrelated": unrelated,
    }


def test_psnr_and_ssim():
    golden = facts("basicsr_metrics")
    for key, expected in golden["values"].items():
        name, channel, border = key.split(", ")
        pair = [channels(frame, channel, int(border.split()[1])) for frame in pictures()[name]]
        assert psnr(*pair) == pytest.approx(expected["psnr"], abs=golden["tolerance"]["psnr"]), key
        assert ssim(*pair) == pytest.approx(expected["ssim"], abs=golden["tolerance"]["ssim"]), key


def test_mcnemar():
    golden = facts("statistics")
    for case in golden["mcnemar"]:
        (both, first), (second, neither) = case["table"]
        rights = [np.repeat(row, (both, first, second, neither)) for row in ([1, 1, 0, 0], [1, 0, 1, 0])]
        found = mcnemar(*(right.astype(bool) for right in rights))
        assert found == pytest.approx(case["p"], rel=0, abs=golden["tolerance"]["absolute"])


def test_holm():
    golden = facts("statistics")
    for case in golden["holm"]:
        tolerance = golden["tolerance"]["absolute"]
        np.testing.assert_allclose(holm(np.array(case["p"])), case["adjusted"], rtol=0, atol=tolerance)


def test_wilson():
    golden = facts("statistics")
    for case in golden["wilson"]:
        labels = np.zeros(case["of"], int)
        values = np.eye(2)[(np.arange(case["of"]) >= case["right"]).astype(int)]
        found = measure(StreamScores(labels, labels, values), case["confidence"])
        expected = [100 * case["low"], 100 * case["high"]]
        tolerance = 100 * golden["tolerance"]["absolute"]
        np.testing.assert_allclose([found.low, found.high], expected, rtol=0, atol=tolerance)
