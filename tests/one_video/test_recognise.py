"""``recosr recognise``, and recognition from Python, agree with the stages of a run."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline import load_recognizer, load_sr, recognise, upscale
from pipeline.cli import main
from pipeline.data.manifest import Clip, write_manifest
from pipeline.data.prepare import prepare_clips
from pipeline.flow.extract import extract_flow
from pipeline.one_video.choice import Run
from pipeline.recognition.models import build_model, save_model
from pipeline.recognition.plan import plan_frames
from pipeline.recognition.scoring import score_clips
from pipeline.superres.inference import super_resolve
from pipeline.video.resize import imresize

CLASSES = ["Clap", "Jump", "Wave"]


def call(*arguments):
    return main(["recognise", *map(str, arguments)])


@pytest.fixture
def clip(finished, film, ffmpeg):
    """A high-resolution clip of the data set whose recogniser the run has: the film, lossless."""
    ffmpeg("-i", film, "-vf", "scale=112:96", "-an", "-c:v", "ffv1", "clip.mkv")
    torch.manual_seed(1)
    spec = Run().config.recognition.recognizers["tsn"]
    for stream in spec.streams:
        part = spec.scored(stream)
        about = {"stream": stream, "classes": len(CLASSES), "dataset": "toy"}
        path = Path(f"results/recognition/toy/tsn/{stream}.safetensors")
        save_model(path, build_model(part, len(CLASSES), 0.0), part, about)
    clips = [Clip(f"{name}/a", "clip.mkv", name, n, "test", 24, 96, 112, 0) for n, name in enumerate(CLASSES)]
    clips += [Clip(f"{name}/b", "none", name, n, "train", 24, 96, 112, 0) for n, name in enumerate(CLASSES)]
    write_manifest("results/data/toy/manifest.csv", clips)
    return Path("clip.mkv")


@pytest.fixture
def scores(clip):
    """Scores of the stages, by source and stream."""
    run, found = Run(), {}
    requests, files = run.experiment.requests, run.experiment.files
    manifest, plan = run.manifest("toy"), Path("plan.json")
    prepare_clips(requests.prepare_clips("toy", "test", "0"), manifest, Path("hr.h5"), Path("lr.h5"))
    plan_frames(requests.plan_frames("toy"), manifest, plan)
    frames = {"hr": Path("hr.h5")}
    for model in ("bicubic", "sosr", "tosr"):
        frames[model] = Path(f"{model}.h5")
        weights = [Path(path) for path in files.model_weights(model)] or [None]
        request = requests.super_resolve("toy", model, "test", "0")
        super_resolve(request, weights[0], manifest, Path("lr.h5"), plan, frames[model])
    for source, store in frames.items():
        flow, out = Path(f"{source}-flow.h5"), Path(f"{source}.npz")
        extract_flow(requests.extract_flow("toy", source, "test", "0"), store, manifest, plan, flow)
        weights = [Path(path) for path in files.scoring_weights("toy", "tsn", source)]
        request = requests.score_clips("toy", "tsn", source, "0")
        score_clips(request, weights, manifest, [store], [flow], out)
        with np.load(out) as content:
            found[source] = {stream: content[stream][0] for stream in ("spatial", "temporal")}
    return found


def test_scores_are_those_of_a_run(clip, scores, decoded):
    """Up to the rounding of single pixels, which depends on how many frames are in the network at once."""
    recognizer, frames = load_recognizer("tsn", "toy"), decoded(clip)[0]
    lr = imresize(frames, 24, 28)
    made = {"hr": frames, **{name: upscale(lr, load_sr(name)) for name in ("sosr", "tosr")}}
    for source, seen in made.items():
        found = recognise(seen, recognizer)
        assert list(found) == ["spatial", "temporal", "fusion"]
        for stream, expected in scores[source].items():
            np.testing.assert_allclose(found[stream].values, expected, atol=1e-3)
        fused = scores[source]["spatial"] + 1.5 * scores[source]["temporal"]
        np.testing.assert_allclose(found["fusion"].values, fused, atol=1e-3)
    pair = recognise(made["sosr"], recognizer, made["tosr"])
    np.testing.assert_allclose(pair["spatial"].values, scores["sosr"]["spatial"], atol=1e-3)
    np.testing.assert_allclose(pair["temporal"].values, scores["tosr"]["temporal"], atol=1e-3)


def shown(values):
    """The cells of a column of the table, best first."""
    share = np.exp(values - values.max())
    share /= share.sum()
    order = np.argsort(-share)
    return [f"{CLASSES[label]} {100 * share[label]:.1f}" for label in order]


def tables(text):
    """The cells of each table, by its title and version."""
    found = {}
    for part in text.strip().split("\n\n"):
        title, head, _, *lines = part.splitlines()
        for place, version in enumerate(re.split(r"\s{2,}", head.strip())):
            found[title, version] = [re.split(r"\s{2,}", line.strip())[place] for line in lines]
    return found


def test_a_high_resolution_clip_as_it_is_and_after_down_sampling(clip, scores, capsys):
    assert call(clip, "--hr", "--method", "sosr+tosr") == 0
    found = tables(capsys.readouterr().out)
    for stream in ("spatial", "temporal"):
        source = {"spatial": "sosr", "temporal": "tosr"}[stream]
        assert found[f"TSN, {stream}", "as it is"] == shown(scores["hr"][stream])
        assert found[f"TSN, {stream}", "Bicubic"] == shown(scores["bicubic"][stream])
        assert found[f"TSN, {stream}", "The sosr+The tosr"] == shown(scores[source][stream])
    assert found["TSN, fusion", "Bicubic"] == shown(
        scores["bicubic"]["spatial"] + 1.5 * scores["bicubic"]["temporal"]
    )


def test_a_low_resolution_clip_by_a_row_that_pairs(clip, scores, ffmpeg, decoded, capsys):
    from pipeline.video.frames import write_video

    write_video("lr.mkv", imresize(decoded(clip)[0], 24, 28), 25, vcodec="ffv1", pix_fmt="gbrp")
    assert call("lr.mkv", "--method", "sosr_tosr", "--recognizer", "tsn", "--dataset", "toy") == 0
    found = tables(capsys.readouterr().out)
    assert found["TSN, spatial", "SoSR+ToSR"] == shown(scores["sosr"]["spatial"])
    assert found["TSN, temporal", "SoSR+ToSR"] == shown(scores["tosr"]["temporal"])
    assert found["TSN, temporal", "Bicubic"] == shown(scores["bicubic"]["temporal"])


WRONG = {
    "recogniser": (["clip.mkv", "--recognizer", "tsm"], "no recognizer 'tsm' in config.yaml; known: tsn"),
    "data set": (["clip.mkv", "--dataset", "ucf"], "no dataset 'ucf' in config.yaml; known: toy"),
    "method": (["clip.mkv", "--method", "sosr+x"], "no method 'x' in config.yaml; known: bicubic"),
    "not a video": (["config.yaml"], "config.yaml: "),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_one_line(clip, capsys, case):
    arguments, expected = WRONG[case]
    assert call(*arguments) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert expected in said


def test_a_recogniser_that_is_not_trained_yet_says_what_to_run(clip, capsys):
    Path("results/recognition/toy/tsn/temporal.safetensors").unlink()
    assert call(clip) == 1
    target = "results/recognition/toy/tsn/temporal.safetensors"
    assert f"run --configfile config.yaml -- {target}" in capsys.readouterr().err


def test_one_frame(clip, decoded):
    found = recognise(decoded(clip)[0][:1], load_recognizer())
    assert all(np.isfinite(score.values).all() for score in found.values())
