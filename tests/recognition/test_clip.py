"""The protocol ``clip`` and its networks."""

from pathlib import Path

import numpy as np
import pytest
import recognising
import torch

from pipeline.data.manifest import read_manifest, select
from pipeline.import_weights import import_weights
from pipeline.recognition import sampling
from pipeline.recognition.batches import Batches
from pipeline.recognition.crops import clip_box, clip_boxes
from pipeline.recognition.models import ModelError, build_model, load_model
from pipeline.recognition.networks import NetworkError, load_backbone, load_clip_backbone
from pipeline.recognition.protocols.clip import Clip
from pipeline.recognition.reading import ClipReader
from pipeline.recognition.scoring import score_clips
from pipeline.recognition.training import train_recognizer
from pipeline.weights.checkpoint import read_own

SMALL = {"width": 8, "blocks": [1, 1]}


@pytest.fixture
def clip() -> Clip:
    training = {"iterations": 40, "batch_size": 4, "lr": 0.05, "dropout": 0.2, "clip_gradient": 20.0}
    keys = {"args": SMALL, "crop": 24, "frames": 4, "clips": 2, "test_crops": 2, "rgb": training}
    return Clip.model_validate({"protocol": "clip"} | keys)


def test_r2plus1d_has_torchvisions_layout():
    """The keys and shapes of torchvision 0.29's r2plus1d_18, read from its code."""
    lines = (Path(__file__).parent / "r2plus1d_18.txt").read_text().split("\n")
    expected = {key: shape for key, _, shape in (line.partition(" ") for line in lines if line)}
    with torch.device("meta"):
        network = load_clip_backbone("r2plus1d_18", 400, 16, 112, 0.5, {})
    state = {k: v for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}
    assert {key: "x".join(map(str, value.shape)) for key, value in state.items()} == expected
    assert sum(parameter.numel() for parameter in network.parameters()) == 31_505_325


@pytest.mark.numeric
def test_r2plus1d_gives_torchvisions_output():
    """The logits of torchvision 0.29's own code for the same weights and clip."""
    network, rng = load_clip_backbone("r2plus1d_18", 400, 4, 32, 0.0, {}).eval(), np.random.default_rng(0)
    for key, value in network.state_dict().items():
        if key.endswith("num_batches_tracked"):
            continue
        drawn = rng.standard_normal(tuple(value.shape), dtype=np.float32)
        if key.endswith("running_var"):
            drawn = 0.5 + np.abs(drawn)
        elif value.ndim > 1:
            drawn *= (2 / value[0].numel()) ** 0.5
        value.copy_(torch.from_numpy(drawn))
    x = np.random.default_rng(1).standard_normal((1, 3, 4, 32, 32), dtype=np.float32)
    with torch.inference_mode():
        found = network(torch.from_numpy(x))[0, :6]
    torch.testing.assert_close(found, torch.tensor(GOLDEN), rtol=1e-5, atol=1e-4)


GOLDEN = [1.072629, -16.301695, -17.570818, -5.975893, 14.387108, 13.130054]


def test_clips_at_test_are_spread_and_short_videos_repeat_their_last_frame(clip):
    part = clip.scored("rgb")
    # Clips of 4 frames at stride 2 have 7 frames: two of 14 positions, in the middle of each half.
    assert part.places(20) == [3, 5, 7, 9, 10, 12, 14, 16]
    assert part.places(5) == [0, 2, 4, 4, 0, 2, 4, 4]
    assert part.places(1) == [0] * 8
    starts = {sampling.clip_train_start(20, 4, 2, np.random.default_rng(seed)) for seed in range(300)}
    assert starts == set(range(14))


def test_crops_are_squares_that_are_resized_to_the_network():
    [centre] = clip_boxes(32, 40, 0.75, 1)
    assert (centre.top, centre.left, centre.height, centre.width) == (4, 8, 24, 24)
    assert [(box.top, box.left) for box in clip_boxes(32, 40, 0.75, 3)] == [(4, 0), (4, 8), (4, 16)]
    assert [(box.top, box.left) for box in clip_boxes(40, 32, 1.0, 3)] == [(0, 0), (4, 0), (8, 0)]
    boxes = [clip_box(32, 40, (0.5, 1.0), np.random.default_rng(seed)) for seed in range(400)]
    sides = {box.height for box in boxes}
    assert (min(sides), max(sides)) == (16, 32)
    assert all(box.height == box.width and box.top + box.height <= 32 for box in boxes)
    assert {box.mirrored for box in boxes} == {False, True}
    assert max(box.left + box.width for box in boxes) == 40


def test_the_network_sees_the_frames_of_a_clip_in_order(clip, toy):
    """A clip's frames lie along the time axis, in training and at test."""
    clips = select(read_manifest(toy.manifest), "train")
    request = recognising.training(clip, "rgb", toy.frame_size)
    with ClipReader(clips, [toy.frames["train"]], [], toy.frame_size) as reader:
        [raw], _ = Batches(request.part, request.part.training, clips, reader, 0, ["a"])[0]
    assert raw.shape == (4, 4, 24, 24, 3)
    seen = []

    class Network(torch.nn.Module):
        def forward(self, x):
            seen.append(x)
            return x.mean((1, 3, 4))  # one "class" a frame

    frames = torch.arange(8.0).reshape(1, 8, 1, 1, 1).expand(2, 8, 3, 24, 24)
    scores = clip.scored("rgb").scores(Network(), [frames])
    assert [tuple(x.shape) for x in seen] == [(2, 3, 4, 24, 24)] * 2
    assert scores.tolist() == [[2.0, 3.0, 4.0, 5.0]] * 2  # mean of the clips 0 1 2 3 and 4 5 6 7
    loss, _ = request.part.loss(Network(), [frames[:, :4]], torch.tensor([3, 3]))
    assert loss.item() == pytest.approx(torch.nn.functional.cross_entropy(torch.arange(4.0), torch.tensor(3)))


def test_it_learns_what_the_toy_clips_show_and_scores_them(clip, toy, tmp_path):
    out = tmp_path / "rgb.safetensors"
    train_recognizer(
        recognising.training(clip, "rgb", toy.frame_size),
        toy.manifest, [toy.frames["train"]], [], [], "", out,
    )  # fmt: skip
    assert read_own(out)["metadata"]["protocol"] == "clip"
    request = recognising.scoring(clip, ["rgb"], toy.frame_size)
    score_clips(request, [out], toy.manifest, [toy.frames["test"]], [], tmp_path / "s.npz")
    with np.load(tmp_path / "s.npz") as content:
        assert content["rgb"].shape == (10, 2)
        assert (content["rgb"].argmax(1) == content["labels"]).mean() >= 0.9


def test_normalisation_is_the_networks_own_or_the_configurations(clip):
    own = build_model(clip.scored("rgb"), 2, 0.0).normalisation
    assert own.mean[0] == pytest.approx(255 * 0.43216)
    assert own.std[2] == pytest.approx(255 * 0.216989)
    half = clip.model_copy(update={"mean": [0.5, 0.5, 0.5]})
    for part in (half.scored("rgb"), recognising.training(half, "rgb", (40, 32)).part):
        changed = build_model(part, 2, 0.0).normalisation
        assert changed.mean == (127.5,) * 3
        assert changed.std == own.std


@pytest.mark.parametrize(
    "keys",
    [
        {"frames": 0},
        {"stride": 0},
        {"stride": -1},
        {"clips": 0},
        {"test_crops": 4},
        {"test_side": 1.5},
        {"train_sides": [0.9, 0.8]},
        {"mean": [0.5, 0.5]},
        {"mean": [127, 127, 127]},
        {"deviation": [0.0, 0.2, 0.2]},
    ],
)
def test_impossible_keys_are_refused(keys):
    with pytest.raises(ValueError, match=next(iter(keys))):
        Clip.model_validate({"protocol": "clip"} | keys)


def test_networks_of_images_and_of_clips_are_not_mixed_up():
    with pytest.raises(NetworkError, match=r"'resnet50' sees single images, .* extends ClipBackbone"):
        load_clip_backbone("resnet50", 2, 4, 32, 0.0, {})
    with pytest.raises(NetworkError, match=r"'r2plus1d_18' sees clips, .* single images"):
        load_backbone("r2plus1d_18", 2, 3, 0.0, {})
    with pytest.raises(NetworkError, match=r"does not take args \['depth'\].* it takes width, blocks"):
        load_clip_backbone("r2plus1d_18", 2, 4, 32, 0.0, {"depth": 3})


def test_an_imported_file_is_a_checkpoint_of_the_stream(clip, tmp_path):
    torch.save(load_clip_backbone("r2plus1d_18", 3, 4, 24, 0.0, SMALL).state_dict(), tmp_path / "given.pth")
    out = tmp_path / "own.safetensors"
    import_weights("r2plus1d_18", tmp_path / "given.pth", out, SMALL)
    assert read_own(out)["metadata"]["stream"] == "rgb"
    part = clip.scored("rgb")
    load_model(out, part, 3)
    with pytest.raises(ModelError, match="holds network, args, stream, classes"):
        load_model(out, part, 2)
