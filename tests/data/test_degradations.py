"""Degradations: what each step does to frames, that chains are checked, and that stages apply them."""

import numpy as np
import pytest
from layouts import degrading
from pydantic import TypeAdapter, ValidationError

from pipeline.config.degradation import Chain, Level, chain_text, level_of
from pipeline.data.degradations import degrade
from pipeline.data.manifest import Clip, write_manifest
from pipeline.data.prepare import degrade_frames, prepare_clips
from pipeline.data.request import DegradeFrames, PrepareClips
from pipeline.video.frames import write_video
from pipeline.video.psnr import psnr
from pipeline.video.resize import imresize
from pipeline.video.store import ShardReader

SCALES = [2, 3, 4, 8]


def chain(*steps):
    return TypeAdapter(Chain).validate_python(list(steps))


def clip(height=48, width=72, frames=5):
    """A smooth picture that moves: noise would be no video to a codec."""
    y, x, t = np.ogrid[:height, :width, :frames]
    waves = [np.sin((x + 2 * t) / 7 + c) * np.cos((y - t) / 5) for c in range(3)]
    return (127.5 + 100 * np.stack(waves, -1)).round().astype(np.uint8).transpose(2, 0, 1, 3)


def made(frames, *steps, scale=4, name="a/b", seed=0):
    return np.stack(list(degrade(iter(frames), chain(*steps), name, scale, seed)))


@pytest.mark.parametrize("scale", SCALES)
def test_bicubic_is_matlabs(scale):
    frames = clip()
    found = made(frames, "bicubic", scale=scale)
    np.testing.assert_array_equal(found, imresize(frames, 48 // scale, 72 // scale))


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("step", ["area", "bilinear"])
def test_area_and_bilinear_are_opencvs_to_a_rounding(step, scale):
    import cv2

    frames = np.random.default_rng(0).integers(0, 256, (2, 24, 48, 3), dtype=np.uint8)
    mode = {"area": cv2.INTER_AREA, "bilinear": cv2.INTER_LINEAR}[step]
    expected = np.stack([cv2.resize(f, (48 // scale, 24 // scale), interpolation=mode) for f in frames])
    found = made(frames, step, scale=scale)
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("scale", SCALES)
def test_nearest_is_pillows_and_subsample_takes_the_first_pixel(scale):
    from PIL import Image

    frames = np.random.default_rng(0).integers(0, 256, (1, 24, 48, 3), dtype=np.uint8)
    pillow = Image.fromarray(frames[0]).resize((48 // scale, 24 // scale), Image.Resampling.NEAREST)
    np.testing.assert_array_equal(made(frames, "nearest", scale=scale)[0], np.array(pillow))
    np.testing.assert_array_equal(made(frames, "subsample", scale=scale), frames[:, ::scale, ::scale])


def test_bd_is_the_fields():
    """VSR-DUF's and BasicSR's: a 13x13 Gaussian of 1.6, mirrored edges, then pixels 0, 4, 8, ..."""
    from scipy.ndimage import gaussian_filter

    frames = np.random.default_rng(0).integers(0, 256, (2, 32, 40, 3), dtype=np.uint8)
    # Truncated at 4 deviations, 1.6 has a radius of 6.
    blurred = gaussian_filter(frames.astype(float), 1.6, axes=(1, 2), mode="mirror", truncate=4)
    expected = np.floor(blurred[:, ::4, ::4] + 0.5)
    np.testing.assert_array_equal(made(frames, {"blur": 1.6, "size": 13}, "subsample"), expected)


def test_noise_has_its_deviation_and_depends_on_seed_clip_and_place():
    frames = np.full((4, 64, 64, 3), 128, np.uint8)
    noisy = made(frames, "bicubic", {"noise": 8.0}, scale=2)
    assert abs((noisy.astype(float) - 128).std() - 8) < 0.3
    assert not np.array_equal(noisy[0], noisy[1])
    np.testing.assert_array_equal(noisy, made(frames, "bicubic", {"noise": 8.0}, scale=2))
    others = [
        made(frames, "bicubic", {"noise": 8.0}, scale=2, seed=1),
        made(frames, "bicubic", {"noise": 8.0}, scale=2, name="a/c"),
        made(frames, "bicubic", {"noise": 0.0}, {"noise": 8.0}, scale=2),
    ]
    assert not any(np.array_equal(noisy, other) for other in others)
    np.testing.assert_array_equal(
        made(frames, {"noise": 0.0}, "bicubic", scale=2), made(frames, "bicubic", scale=2)
    )


def test_jpeg_loses_more_at_lower_quality_and_keeps_colours():
    frames = clip()
    plain, good, bad = (
        made(frames, "bicubic", *steps, scale=2).astype(float)
        for steps in ([], [{"jpeg": 90}], [{"jpeg": 5}])
    )
    assert psnr(good, plain) > psnr(bad, plain) + 3
    # Red stays red: OpenCV's order of channels is another one.
    assert np.abs(good.mean((0, 1, 2)) - plain.mean((0, 1, 2))).max() < 2


@pytest.mark.slow
@pytest.mark.parametrize(("codec", "low", "high"), [("h264", 18, 45), ("h265", 18, 45), ("av1", 20, 60)])
def test_codecs_are_repeatable_lose_more_at_higher_crf_and_take_odd_sizes(codec, low, high):
    frames = clip(84, 102, 8)  # at scale 2: 42x51, an odd side
    preset = {"preset": "8"} if codec == "av1" else {"preset": "ultrafast"}
    plain = made(frames, "bicubic", scale=2)
    good, again, bad = (
        made(frames, "bicubic", {"codec": codec, "crf": crf, **preset}, scale=2) for crf in (low, low, high)
    )
    np.testing.assert_array_equal(good, again)
    assert good.shape == plain.shape == bad.shape == (8, 42, 51, 3)
    values = [psnr(frames.astype(float), plain.astype(float)) for frames in (good, bad)]
    assert values[0] > values[1] + 2
    assert values[0] > 28


@pytest.mark.slow
def test_a_codec_before_down_sampling_a_bit_rate_and_a_single_frame():
    frames = clip(64, 64, 12)
    small, large = (
        made(frames, {"codec": "h264", "bitrate": rate, "gop": 12}, "bicubic").astype(float)
        for rate in (10, 2000)
    )
    plain = made(frames, "bicubic").astype(float)
    assert psnr(large, plain) > psnr(small, plain) + 2
    assert made(frames[:1], "bicubic", {"codec": "h264", "crf": 23}).shape == (1, 16, 16, 3)


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([], ["none", "exactly one"]),
        ([{"noise": 3.0}], ["none", "exactly one"]),
        (["bicubic", "area"], ["bicubic and area", "exactly one"]),
        (["bicbic"], ["bicbic", "bicubic"]),
        ([{"sigma": 3.0}], ["blur", "noise", "found sigma"]),
        (["bicubic", {"noise": -1.0}], ["noise", "-1"]),
        ([{"blur": -1.6}, "subsample"], ["blur", "-1.6"]),
        ([{"blur": 1.6, "size": 12}, "subsample"], ["size is 12", "odd"]),
        (["bicubic", {"jpeg": 0}], ["jpeg"]),
        (["bicubic", {"jpeg": 101}], ["jpeg"]),
        (["bicubic", {"codec": "vp9", "crf": 3}], ["codec", "h264", "av1"]),
        (["bicubic", {"codec": "h264"}], ["either crf or bitrate"]),
        (["bicubic", {"codec": "h264", "crf": 3, "bitrate": 5}], ["either crf or bitrate"]),
        (["bicubic", {"codec": "h264", "crf": 52}], ["crf is 52", "0 to 51"]),
        (["bicubic", {"codec": "av1", "crf": 64}], ["crf is 64", "0 to 63"]),
        (["bicubic", {"codec": "h264", "crf": -1}], ["crf"]),
        (["bicubic", {"codec": "h264", "crf": 23, "preset": "quick"}], ["'quick'", "medium"]),
        (["bicubic", {"codec": "h264", "crf": 23, "gop": 0}], ["gop"]),
        (["bicubic", {"codec": "h264", "crf": 23, "sigma": 1}], ["sigma"]),
    ],
)
def test_wrong_chains_are_refused_with_what_to_write(steps, words):
    with pytest.raises((ValidationError, ValueError)) as error:
        chain(*steps)
    for word in words:
        assert word in str(error.value)


def test_a_chain_says_what_it_is_and_how_strong():
    made_of = chain({"blur": 1.6, "size": 13}, "subsample", {"codec": "h265", "crf": 28, "preset": "fast"})
    assert level_of(made_of) == Level("H.265 CRF", 28)
    text = chain_text(made_of)
    assert text.startswith("blur 1.6 size 13, subsample, codec h265 crf 28")
    assert level_of(chain("bicubic")) is None


def test_stages_make_the_same_low_frames_at_once_or_from_the_store(tmp_path):
    frames, steps = clip(32, 44, 6), [{"blur": 1.0, "size": 5}, "subsample", {"noise": 2.0}]
    write_video(tmp_path / "a.mkv", frames, 25, vcodec="ffv1", pix_fmt="gbrp")
    manifest, hr, lr, later = (tmp_path / name for name in ("m.csv", "hr.h5", "lr.h5", "later.h5"))
    write_manifest(manifest, [Clip("j/a", str(tmp_path / "a.mkv"), "j", 0, "test", 6, 32, 44, 0)])
    asked = {"split": "test", "shard": 0, **degrading(*steps, scale=2, seed=3)}
    prepare_clips(PrepareClips.read(PrepareClips(**asked).text()), manifest, hr, lr)
    degrade_frames(DegradeFrames.read(DegradeFrames(**asked).text()), manifest, hr, later)
    with ShardReader(hr) as high, ShardReader(lr) as low, ShardReader(later) as other:
        np.testing.assert_array_equal(high.read("j/a", range(6)), frames)
        found = low.read("j/a", range(6))
        np.testing.assert_array_equal(found, other.read("j/a", range(6)))
    np.testing.assert_array_equal(found, made(frames, *steps, scale=2, name="j/a", seed=3))
