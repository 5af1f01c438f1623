"""Scoring against direct computations from the stores, plans, fusion and accuracy."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import recognising
import torch

from pipeline.data.manifest import read_manifest, select, write_manifest
from pipeline.data.plan import read_plan
from pipeline.recognition import models, scoring
from pipeline.recognition.plan import plan_frames
from pipeline.recognition.scoring import ScoringError, score_clips
from pipeline.video.store import ShardReader, ShardWriter
from pipeline.weights import WeightsError

pytestmark = pytest.mark.numeric


def save(spec, stream: str, folder: Path) -> Path:
    """A checkpoint of a random network with a classifier that matters."""
    torch.manual_seed(len(stream))
    part = spec.scored(stream)
    network = models.build_model(part, 2, 0.0)
    for name, parameter in network.named_parameters():
        if name.endswith(("last_linear.weight", "fc.weight")):
            torch.nn.init.normal_(parameter)
    path = folder / f"{stream}.pt"
    models.save_model(path, network, part, {"stream": stream, "classes": 2})
    return path


def score(spec, weights: dict[str, Path], toy, out: Path, streams=None, **keys) -> dict[str, np.ndarray]:
    files = {"manifest": toy.manifest, "frames": [toy.frames["test"]], "flow": [toy.flow["test"]]}
    files |= {name: keys.pop(name) for name in files.keys() & keys.keys()}
    request = recognising.scoring(spec, streams or list(weights), toy.frame_size, **keys)
    score_clips(request, list(weights.values()), **files, out=out)
    with np.load(out) as content:
        return dict(content)


@pytest.mark.parametrize("first_frame", [1, 2])
def test_tsn_scores_are_means_over_crops_and_snippets(tsn, toy, tmp_path, monkeypatch, first_frame):
    tsn = tsn.model_copy(update={"first_frame": first_frame})
    weights = {stream: save(tsn, stream, tmp_path) for stream in ("spatial", "temporal")}
    found = score(tsn, weights, toy, tmp_path / "scores.npz")
    clips = select(read_manifest(toy.manifest), "test")
    assert found["clips"].tolist() == [clip.id for clip in clips]
    assert found["labels"].tolist() == [clip.label for clip in clips]
    assert (str(found["dataset"]), str(found["recognizer"]), str(found["method"])) == ("toy", "r", "hr")
    assert found["spatial"].dtype == np.float32
    networks = {
        stream: models.load_model(path, tsn.scored(stream), 2).eval() for stream, path in weights.items()
    }
    for index, clip in enumerate(clips):
        with ShardReader(toy.frames["test"]) as frames, ShardReader(toy.flow["test"]) as flow:
            first = min(first_frame, clip.frames) - 1
            step = max((clip.frames - first - 1) // 2, 0)
            rgb = frames.read(clip.id, [first, first + step, first + 2 * step]).astype(np.float32)
            fields = max(clip.frames - 1, 1)
            step = max((fields - 2) // 2, 0)
            numbers = [min(s * step + k, fields - 1) for s in range(3) for k in range(2)]
            uv = flow.read(clip.id, numbers).astype(np.float32)
        crop = rgb[:, :, 4:36]  # 32 of 40 columns, all 32 rows
        views = np.concatenate([crop, crop[:, :, ::-1]])
        bgr = torch.tensor((views[..., ::-1] - [104, 117, 123]).transpose(0, 3, 1, 2)).float()
        crop = uv[:, :, 4:36]
        mirrored = crop[:, :, ::-1].copy()
        mirrored[..., 0] = 255 - mirrored[..., 0]
        stacks = [v.reshape(3, 2, 32, 32, 2).transpose(0, 1, 4, 2, 3) for v in (crop, mirrored)]
        stacks = torch.tensor(np.concatenate(stacks).reshape(6, 4, 32, 32) - 128)
        with torch.inference_mode():
            np.testing.assert_allclose(
                found["spatial"][index], networks["spatial"](bgr).mean(0), rtol=1e-3, atol=1e-4
            )
            np.testing.assert_allclose(
                found["temporal"][index], networks["temporal"](stacks).mean(0), rtol=1e-3, atol=1e-4
            )
    # The size of the batches does not matter beyond rounding.
    monkeypatch.setattr(scoring, "BATCH_VALUES", 1)
    small = score(tsn, weights, toy, tmp_path / "small.npz")
    np.testing.assert_allclose(small["spatial"], found["spatial"], rtol=1e-3, atol=1e-4)


def test_st_resnet_scores_all_streams(st_resnet, toy, tmp_path, monkeypatch):
    weights = {stream: save(st_resnet, stream, tmp_path) for stream in ("spatial", "temporal", "joint")}
    found = score(st_resnet, weights, toy, tmp_path / "scores.npz")
    clips = select(read_manifest(toy.manifest), "test")
    assert {found[stream].shape for stream in weights} == {(len(clips), 2)}
    monkeypatch.setattr(scoring, "BATCH_VALUES", 1)
    small = score(st_resnet, weights, toy, tmp_path / "small.npz")
    for stream in weights:
        np.testing.assert_allclose(small[stream], found[stream], rtol=1e-3, atol=1e-4)
    # The motion stream sees the joint network's motion only without temporal convolutions; a clip of one
    # frame is the same frame five times.
    index = [clip.frames for clip in clips].index(1)
    with ShardReader(toy.frames["test"]) as frames:
        frame = frames.read(clips[index].id, [0]).astype(np.float32)
    views = np.concatenate([frame, frame[:, :, ::-1]]) / 255
    views = (views - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    network = models.load_model(weights["spatial"], st_resnet.scored("spatial"), 2).eval()
    with torch.inference_mode():
        expected = network(torch.tensor(views.transpose(0, 3, 1, 2)).float()).mean(0)
    np.testing.assert_allclose(found["spatial"][index], expected, rtol=1e-3, atol=1e-4)


def test_planned_frames_are_enough(tsn, st_resnet, toy, tmp_path):
    """Stores of the planned frames alone give the same scores to the last bit (docs/design.md, rule 7)."""
    plan_frames(recognising.plan(tsn, st_resnet), toy.manifest, tmp_path / "plan.json")
    plan = read_plan(tmp_path / "plan.json")
    clips = {clip.id: clip for clip in select(read_manifest(toy.manifest), "test")}
    assert plan.keys() == clips.keys()
    single = next(clip.id for clip in clips.values() if clip.frames == 1)
    assert (plan[single].frames, plan[single].fields) == ([0], [0])
    for kind, stored in (("frames", toy.frames["test"]), ("fields", toy.flow["test"])):
        with ShardReader(stored) as reader, ShardWriter(tmp_path / f"{kind}.h5") as writer:
            for name, entry in plan.items():
                numbers = getattr(entry, kind)
                writer.add(name, reader.read(name, numbers), index=numbers)
    for spec in (tsn, st_resnet):
        streams = list(spec.streams)
        weights = {stream: save(spec, stream, tmp_path) for stream in streams}
        full = score(spec, weights, toy, tmp_path / "full.npz")
        stores = {"frames": [tmp_path / "frames.h5"], "flow": [tmp_path / "fields.h5"]}
        planned = score(spec, weights, toy, tmp_path / "planned.npz", **stores)
        for stream in streams:
            assert np.array_equal(full[stream], planned[stream])


def test_all_clips_are_scored_out_of_the_stores_of_several_shards(st_resnet, toy, tmp_path):
    weights = {"joint": save(st_resnet, "joint", tmp_path)}
    clips = select(read_manifest(toy.manifest), "test")
    stores = {"frames": [], "flow": []}
    for kind, stored in (("frames", toy.frames["test"]), ("flow", toy.flow["test"])):
        with ShardReader(stored) as reader:
            for number, part in enumerate((clips[:1], clips[1:])):
                stores[kind].append(tmp_path / f"{kind}-{number}.h5")
                with ShardWriter(stores[kind][-1]) as writer:
                    for clip in part:
                        writer.add(clip.id, reader.read(clip.id, list(range(reader.shape(clip.id)[0]))))
    apart = score(st_resnet, weights, toy, tmp_path / "apart.npz", **stores)
    whole = score(st_resnet, weights, toy, tmp_path / "whole.npz")
    assert np.array_equal(apart["joint"], whole["joint"])
    shards = [replace(clip, shard=min(number, 1)) for number, clip in enumerate(clips)]
    write_manifest(tmp_path / "shards.csv", shards)
    second = {"frames": stores["frames"][1:], "flow": stores["flow"][1:]}
    part = score(
        st_resnet, weights, toy, tmp_path / "1.npz", manifest=tmp_path / "shards.csv", shard=1, **second
    )
    assert part["clips"].tolist() == whole["clips"][1:].tolist()
    np.testing.assert_allclose(part["joint"], whole["joint"][1:], rtol=1e-3, atol=1e-4)


def test_a_stream_needs_only_its_own_store_and_weights(tsn, toy, tmp_path):
    weights = {"spatial": save(tsn, "spatial", tmp_path)}
    found = score(tsn, weights, toy, tmp_path / "scores.npz", flow=[])
    assert "temporal" not in found
    with pytest.raises(ScoringError, match=r"2 streams .* but 1 weights"):
        score(tsn, weights, toy, tmp_path / "none.npz", streams=["spatial", "temporal"])
    assert not (tmp_path / "none.npz").exists()


def test_weights_that_saw_the_test_clips_are_refused(tsn, toy, tmp_path):
    path = save(tsn, "spatial", tmp_path)
    metadata = {"stream": "spatial", "classes": 2, "trained_on": {"dataset": "ucf101", "split": 1}}
    spatial = tsn.scored("spatial")
    models.save_model(path, models.load_model(path, spatial, 2), spatial, metadata)
    score(tsn, {"spatial": path}, toy, tmp_path / "same.npz", layout="ucf101", split=1)
    score(tsn, {"spatial": path}, toy, tmp_path / "other.npz", layout="hmdb51", split=2)
    with pytest.raises(WeightsError, match=r"spatial\.pt was trained on split 1 of ucf101.* split 2"):
        score(tsn, {"spatial": path}, toy, tmp_path / "seen.npz", layout="ucf101", split=2)
    assert not (tmp_path / "seen.npz").exists()


def test_scores_of_another_data_sets_recogniser_are_those_of_the_shared_classes(tsn, toy, tmp_path):
    weights = {stream: save(tsn, stream, tmp_path) for stream in ("spatial", "temporal")}
    whole = score(tsn, weights, toy, tmp_path / "scores.npz")
    clips = read_manifest(toy.manifest)
    names = list(dict.fromkeys(clip.class_name for clip in clips))
    turned = [replace(clip, label=1 - clip.label) for clip in clips]
    for name, chosen in {"one": [c for c in clips if c.label == 1], "both": turned}.items():
        chosen = [replace(c, label=0) for c in chosen] if name == "one" else chosen
        write_manifest(tmp_path / f"{name}.csv", chosen)
        request = recognising.scoring(tsn, list(weights), toy.frame_size)
        files = (tmp_path / f"{name}.csv", [toy.frames["test"]], [toy.flow["test"]], tmp_path / f"{name}.npz")
        score_clips(request, list(weights.values()), *files, classes=toy.manifest)
        with np.load(tmp_path / f"{name}.npz") as found:
            places = [whole["clips"].tolist().index(clip) for clip in found["clips"]]
            columns = [1] if name == "one" else [1, 0]
            for stream in weights:
                np.testing.assert_array_equal(found[stream], whole[stream][places][:, columns])
    write_manifest(tmp_path / "other.csv", [replace(c, class_name=f"swim{c.label}") for c in clips])
    with pytest.raises(ScoringError, match=f"lacks the classes swim0, swim1, it has {', '.join(names)}"):
        score_clips(request, list(weights.values()), tmp_path / "other.csv", *files[1:], classes=toy.manifest)
