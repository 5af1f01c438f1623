"""Real trainings on the toy data: they learn, resume to the same bits, and leave loadable checkpoints."""

from pathlib import Path

import numpy as np
import pytest
import recognising
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from pipeline import config
from pipeline.config.recognition import StreamError
from pipeline.data.manifest import read_manifest, select
from pipeline.recognition import batches, inputs, models, training
from pipeline.recognition.batches import Batches
from pipeline.recognition.joint_networks.st_resnet import STResNet
from pipeline.recognition.models import ModelError, build_backbones, build_model, load_model
from pipeline.recognition.optimisation import make_optimiser, set_norm_momentum, train_mode
from pipeline.recognition.protocols.st_resnet import AppearanceTraining, JointStreamTraining, JointTraining
from pipeline.recognition.reading import ClipReader, ReadingError
from pipeline.recognition.training import train_recognizer
from pipeline.training.log import TrainingError
from pipeline.weights.checkpoint import read_own

CPU = torch.device("cpu")


def train(spec, stream: str, toy, out: Path, **keys) -> Path:
    """Train on the toy data and return the checkpoint."""
    stores = {"frames": [toy.frames["train"]], "flow": [toy.flow["train"]], "init": []}
    files = stores | {name: keys.pop(name) for name in stores.keys() & keys.keys()}
    request = recognising.training(spec, stream, toy.frame_size, **keys)
    train_recognizer(request, toy.manifest, **files, code="", out=out)
    return out


def stage_of(spec, stream: str, number: int = 0, **keys):
    """A part that is trained and one of its stages, with other keys."""
    part = spec.trained(stream, "toy")
    return part, part.stages[number].model_copy(update=keys)


def state(path: Path) -> dict[str, torch.Tensor]:
    return read_own(path)["state_dict"]


def same(first: Path, second: Path) -> bool:
    a, b = state(first), state(second)
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_only_official_splits_are_recorded(tsn, toy, tmp_path):
    once = tsn.model_copy(update={"spatial": tsn.spatial.model_copy(update={"iterations": 1})})
    out = train(once, "spatial", toy, tmp_path / "model.pt", flow=[], layout="annotations")
    assert read_own(out)["metadata"]["trained_on"] is None


@pytest.mark.numeric
@pytest.mark.parametrize("stream", ["spatial", "temporal"])
def test_training_learns_logs_and_leaves_a_checkpoint(tsn, toy, tmp_path, stream):
    # Each stream may do without the other's stores.
    unused = {"flow": []} if stream == "spatial" else {"frames": []}
    out = train(tsn, stream, toy, tmp_path / "model.pt", split=3, **unused)
    content = read_own(out)
    assert content["network"] == "bn_inception"
    assert content["args"] == tsn.args
    assert content["metadata"]["stream"] == stream
    assert content["metadata"]["trained_on"] == {"dataset": "ucf101", "split": 3}
    assert not (tmp_path / "model.resume").exists()
    assert list((tmp_path / "tensorboard" / "model").glob("events*"))
    network = load_model(out, tsn.scored(stream), 2).eval()
    clips = select(read_manifest(toy.manifest), "train")
    part, stage = stage_of(tsn, stream, batch_size=16)
    with ClipReader(clips, [toy.frames["train"]], [toy.flow["train"]], toy.frame_size) as reader:
        (raw,), labels = Batches(part, stage, clips, reader, 1, ("check",))[0]
    with torch.inference_mode():
        tensors = [inputs.normalise(raw, network.normalisation, stream == "temporal")]
        _, scores = part.loss(network, tensors, labels)
    assert (scores.argmax(1) == labels).float().mean() >= 0.9


def test_training_is_deterministic_and_depends_on_the_seed(tsn, toy, tmp_path):
    first = train(tsn, "spatial", toy, tmp_path / "a.pt")
    assert same(first, train(tsn, "spatial", toy, tmp_path / "b.pt"))
    assert not same(first, train(tsn, "spatial", toy, tmp_path / "c.pt", seed=1))


class Killed(Exception):
    """A training was killed."""


def kill(monkeypatch, at: int, spec, stream: str, toy, out: Path, **keys) -> None:
    """Run a training that is killed after ``at`` pieces of batches, with a state after every step."""
    original, seen = Batches.__getitem__, []

    def stop(self, number):
        if len(seen) == at:
            raise Killed
        seen.append(number)
        return original(self, number)

    with monkeypatch.context() as patch:
        patch.setattr(Batches, "__getitem__", stop)
        patch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
        with pytest.raises(Killed):
            train(spec, stream, toy, out, **keys)
    assert not out.exists()
    assert out.with_suffix(".resume").exists()


@pytest.mark.parametrize(
    ("stream", "killed_at"),
    [("spatial", 4), ("joint", 4), ("joint", 6), ("joint", 8)],
    ids=["stream", "first stage", "between the stages", "second stage"],
)
def test_interrupted_training_ends_with_the_same_weights(
    st_resnet, toy, tmp_path, monkeypatch, stream, killed_at, capfd
):
    init = []
    if stream == "joint":
        init = [train(st_resnet, name, toy, tmp_path / f"{name}.pt") for name in ("spatial", "temporal")]
    unbroken, broken = (
        train(st_resnet, stream, toy, tmp_path / "unbroken.pt", init=init),
        tmp_path / "broken.pt",
    )
    kill(monkeypatch, killed_at, st_resnet, stream, toy, broken, init=init)
    stages = st_resnet.trained(stream, "toy").stages
    whole = [(stage, step) for stage, section in enumerate(stages) for step in range(section.iterations)]
    original, again = Batches.__getitem__, []

    def record(self, step):
        again.append((stages.index(self.stage), step))
        return original(self, step)

    monkeypatch.setattr(Batches, "__getitem__", record)
    capfd.readouterr()
    train(st_resnet, stream, toy, broken, init=init)
    assert f"16 training clips of 2 classes, from step {killed_at}" in capfd.readouterr().err
    assert again == whole[killed_at:]
    assert same(unbroken, broken)
    assert unbroken.read_bytes() == broken.read_bytes()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"norm_momentum": 0.5}, {}),
        ({"partial_bn": True}, {"partial_bn": False}),
        ({"clip_gradient": None}, {"partial_bn": True, "clip_gradient": 0.5}),
        ({"dropout": 0.9}, {"dropout": 0.0}),
    ],
    ids=["momentum of BN", "frozen BN", "gradients of what is frozen then", "what entering it changed"],
)
def test_a_resumed_second_stage_knows_what_the_first_one_set_and_no_more(
    st_resnet, toy, tmp_path, monkeypatch, first, second
):
    """What an unbroken training carries over in memory, and what it must not."""
    short = {name: changed(st_resnet, name, iterations=1) for name in ("spatial", "temporal")}
    init = [train(spec, name, toy, tmp_path / f"{name}.pt") for name, spec in short.items()]
    enter = JointStreamTraining.enter

    def keep_dropout(self, network, number, stage):
        if number == 0:
            enter(self, network, number, stage)
        network.temporal_pool = number > 0

    if "dropout" in first:
        monkeypatch.setattr(JointStreamTraining, "enter", keep_dropout)
        # Not the dropout that the network is built with.
        monkeypatch.setattr(training, "build_backbones", lambda part, n, _: build_backbones(part, n, 0.0))
    stages = (st_resnet.joint.stage1, st_resnet.joint.stage2)
    settings = zip(stages, ({"iterations": 2} | first, {"iterations": 2} | second), strict=True)
    joint = JointTraining(**{f"stage{n}": s.model_copy(update=k) for n, (s, k) in enumerate(settings, 1)})
    spec = st_resnet.model_copy(update={"joint": joint})
    unbroken, broken = train(spec, "joint", toy, tmp_path / "unbroken.pt", init=init), tmp_path / "broken.pt"
    for killed_at in (2, 3):
        kill(monkeypatch, killed_at, spec, "joint", toy, broken, init=init)
        train(spec, "joint", toy, broken, init=init)
        assert same(unbroken, broken)
        broken.unlink()


def test_a_loss_that_is_not_finite_stops_the_training(tsn, toy, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    out = tmp_path / "model.pt"
    with pytest.raises(
        TrainingError,
        match=r"^train_recognizer toy tsn spatial: the loss \(total\) is not finite between steps 1 and \d+; "
        r"lower lr or set clip_gradient in the recogniser's section spatial, or use float32 precision$",
    ):
        train(changed(tsn, "spatial", lr=1e30, clip_gradient=None), "spatial", toy, out)
    assert not out.exists()
    # Nothing to go on from but what was still finite.
    stored = torch.load(tmp_path / "model.resume", weights_only=True)["state"]
    assert all(value.isfinite().all() for value in stored["network"].values())


def test_a_state_of_another_recipe_is_told_and_ignored(tsn, toy, tmp_path, monkeypatch, capfd):
    expected = train(tsn, "spatial", toy, tmp_path / "fresh.pt", seed=1)
    kill(monkeypatch, 4, tsn, "spatial", toy, tmp_path / "stale.pt")
    capfd.readouterr()
    found = train(tsn, "spatial", toy, tmp_path / "stale.pt", seed=1)
    told = capfd.readouterr().out
    assert (
        f"{tmp_path / 'stale.resume'} is of another recipe, other data or other code: training starts anew"
        in told
    )
    assert same(expected, found)


def test_tensorboard_has_loss_accuracy_and_rate_of_each_stage(st_resnet, toy, tmp_path):
    init = [train(st_resnet, name, toy, tmp_path / f"{name}.pt") for name in ("spatial", "temporal")]
    train(st_resnet, "joint", toy, tmp_path / "joint.pt", init=init)
    log = EventAccumulator(str(tmp_path / "tensorboard" / "joint")).Reload()
    assert set(log.Tags()["scalars"]) == {"loss/total", "accuracy/train", "learning_rate"}
    # Six steps of the first stage, four of the second: no mean is over both.
    rates = [(event.step, event.value) for event in log.Scalars("learning_rate")]
    assert rates == [(6, pytest.approx(0.01)), (10, pytest.approx(0.001))]
    assert all(0 <= event.value <= 1 for event in log.Scalars("accuracy/train"))


def test_the_second_stage_pools_over_time_and_has_its_own_section(st_resnet, toy, tmp_path, monkeypatch):
    init = [train(st_resnet, name, toy, tmp_path / f"{name}.pt") for name in ("spatial", "temporal")]
    seen = []
    step_scores = STResNet.step_scores

    def watch(self, frames, flow):
        assert frames.shape[1] == flow.shape[1]
        dropouts = {self.appearance.dropout.p, self.motion.dropout.p}
        seen.append((self.temporal_pool, frames.shape[1], dropouts))
        return step_scores(self, frames, flow)

    monkeypatch.setattr(STResNet, "step_scores", watch)
    second = st_resnet.joint.stage2.model_copy(update={"dropout": 0.7})
    joint = st_resnet.joint.model_copy(update={"stage2": second})
    out = train(st_resnet.model_copy(update={"joint": joint}), "joint", toy, tmp_path / "joint.pt", init=init)
    assert seen == [(False, 3, {0.2})] * 6 + [(True, 6, {0.7})] * 4
    assert read_own(out)["metadata"]["iterations"] == 10
    loaded = load_model(out, st_resnet.scored("joint"), 2)
    assert loaded.temporal_pool
    # A single stage leaves a network without pooling.
    single = {"joint": joint.model_copy(update={"stage2": None}), "temporal_pool": False}
    spec = st_resnet.model_copy(update=single)
    seen.clear()
    out = train(spec, "joint", toy, tmp_path / "single.pt", init=init)
    assert seen == [(False, 3, {0.2})] * 6
    assert not load_model(out, spec.scored("joint"), 2).temporal_pool


class Fixed(nn.Module):
    """A joint network with given scores (B, steps, classes) of its two classifiers."""

    def __init__(self, *scores: torch.Tensor):
        super().__init__()
        self.scores = scores

    def step_scores(self, frames: torch.Tensor, flow: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self.scores


def test_joint_loss_is_summed_over_frames_and_streams_and_divided_by_the_clips(st_resnet):
    # Two clips, three steps, two classes. Equal scores cost log 2 a step, a right lead of log 3 log 4/3.
    lead = np.log(3)
    even = torch.zeros(2, 3, 2, requires_grad=True)
    right = torch.tensor([[[lead, 0.0]] * 3, [[0.0, lead]] * 3], dtype=torch.float32)
    joint = st_resnet.trained("joint", "toy")
    loss, scores = joint.loss(Fixed(even, right), [torch.empty(2, 3)] * 2, torch.tensor([0, 1]))
    assert loss.item() == pytest.approx(3 * (np.log(2) + np.log(4 / 3)))
    loss.backward()
    # (p - y) / clips at every step: no division by the steps.
    assert even.grad[0].tolist() == [[-0.25, 0.25]] * 3
    torch.testing.assert_close(scores, right.mean(1) / 2)


def test_new_classifiers_start_as_their_releases_do(tsn, st_resnet):
    """ST-ResNet 0.01 x normal, TSN 0.001, without biases; whatever the backbone."""
    torch.manual_seed(0)
    for spec, expected in ((tsn, 0.001), (st_resnet, 0.01)):
        for network, args in (("bn_inception", tsn.args), ("resnet50", st_resnet.args)):
            built = spec.model_copy(update={"network": network, "args": args})
            for stream in ("spatial", "temporal"):
                model = build_model(built.trained(stream, "toy"), 400, dropout=0.0)
                classifier = model.get_submodule(model.classifier)
                assert classifier.weight.std().item() == pytest.approx(expected, rel=0.03)
                assert not classifier.bias.any()


def test_stages_and_pooling_belong_together(st_resnet):
    content = st_resnet.model_dump()
    with pytest.raises(ValueError, match="temporal_pool is false, but joint has 2 stage"):
        type(st_resnet).model_validate(content | {"temporal_pool": False})
    content["joint"]["stage2"] = None
    with pytest.raises(ValueError, match="temporal_pool is true, but joint has 1 stage"):
        type(st_resnet).model_validate(content)


def test_multipliers_of_the_learning_rate(tsn):
    network = build_model(tsn.scored("temporal"), 2, dropout=0.0)
    training = tsn.temporal.model_copy(update={"first_conv_rate": 5.0})
    found = {
        id(parameter): (group["lr"] / training.lr, group["weight_decay"])
        for group in make_optimiser(network, training).param_groups
        for parameter in group["params"]
    }
    assert len(found) == len(list(network.parameters()))
    expected = {
        "conv1_7x7_s2.weight": (5.0, 5e-4),
        "conv1_7x7_s2.bias": (10.0, 0.0),
        "conv1_7x7_s2_bn.weight": (1.0, 0.0),
        "conv2_3x3.weight": (1.0, 5e-4),
        "conv2_3x3.bias": (2.0, 0.0),
        "last_linear.weight": (1.0, 5e-4),
        "last_linear.bias": (2.0, 0.0),
    }
    for name, rates in expected.items():
        assert found[id(network.get_parameter(name))] == rates


def test_gains_of_batch_normalisation_have_their_own_rate(st_resnet):
    network = build_model(st_resnet.scored("spatial"), 2, dropout=0.0)
    training = st_resnet.spatial.model_copy(update={"norm_rate": 2.0})
    rates = {
        id(parameter): (group["lr"] / training.lr, group["weight_decay"])
        for group in make_optimiser(network, training).param_groups
        for parameter in group["params"]
    }
    assert rates[id(network.bn1.weight)] == (2.0, 0.0)
    assert rates[id(network.bn1.bias)] == (1.0, 0.0)
    assert rates[id(network.conv1.weight)] == (1.0, 5e-4)


@pytest.mark.parametrize("pieces", [1, 2, 4])
def test_running_statistics_move_by_a_share_to_the_mean_over_the_pieces(pieces):
    norm = nn.BatchNorm2d(1).train()
    values = torch.tensor([3.0, 5.0, -2.0, 10.0])[:pieces]
    for number, value in enumerate(values, 1):
        set_norm_momentum(norm, 0.05, number, pieces)
        norm(torch.full((1, 1, 2, 2), value.item()))
    assert norm.running_mean.item() == pytest.approx(0.05 * values.mean().item())
    assert norm.running_var.item() == pytest.approx(0.95)  # pieces of one value have none


def test_a_training_uses_the_share_of_its_section(st_resnet, toy, tmp_path):
    kept, moved = (
        state(
            train(
                changed(st_resnet, "spatial", iterations=1, micro_batch=2, norm_momentum=share),
                "spatial",
                toy,
                tmp_path / f"{share}.pt",
            )
        )["bn1.running_mean"]
        for share in (1e-9, 0.5)
    )
    assert kept.abs().max() < 1e-6 < 1e-2 < moved.abs().max()


@pytest.mark.numeric
def test_joint_training_starts_from_the_trained_streams(st_resnet, toy, tmp_path):
    init = [train(st_resnet, name, toy, tmp_path / f"{name}.pt") for name in ("spatial", "temporal")]
    stages = (st_resnet.joint.stage1, st_resnet.joint.stage2)
    frozen = JointTraining(
        **{f"stage{n}": s.model_copy(update={"lr": 1e-12}) for n, s in enumerate(stages, 1)}
    )
    spec = st_resnet.model_copy(update={"joint": frozen})
    joint = state(train(spec, "joint", toy, tmp_path / "joint.pt", init=init))
    torch.testing.assert_close(joint["appearance.conv1.weight"], state(init[0])["conv1.weight"])
    # Stage 2 has two units: its second one is temporal.
    kernel = state(init[1])["layer2.1.conv1.weight"]
    temporal = joint["motion.layer2.1.conv1.weight"]
    torch.testing.assert_close(temporal, (kernel / 3).expand(-1, -1, 3, -1))
    with pytest.raises(TrainingError, match="found 0 checkpoints"):
        train(st_resnet, "joint", toy, tmp_path / "none.pt")


def test_partial_bn_trains_only_the_first_normalisation(tsn, st_resnet):
    network = build_model(tsn.scored("spatial"), 2, dropout=0.0)
    train_mode(network, partial_bn=True)
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    before = [norm.running_mean.clone() for norm in norms]
    network(torch.randn(2, 3, 32, 32)).sum().backward()
    moved = [not torch.equal(norm.running_mean, mean) for norm, mean in zip(norms, before, strict=True)]
    assert moved == [True] + [False] * (len(norms) - 1)
    assert [norm.weight.grad is not None for norm in norms] == moved
    joint = build_model(st_resnet.scored("joint"), 2, dropout=0.0)
    train_mode(joint, partial_bn=True)
    training = [name for name, m in joint.named_modules() if isinstance(m, nn.BatchNorm2d) and m.training]
    assert training == ["appearance.bn1", "motion.bn1"]


def test_partial_bn_leaves_the_others_as_they_started(tsn, toy, tmp_path):
    spec = tsn.model_copy(update={"spatial": tsn.spatial.model_copy(update={"partial_bn": True})})
    trained = state(train(spec, "spatial", toy, tmp_path / "model.pt"))
    assert trained["conv1_7x7_s2_bn.num_batches_tracked"] == 12
    assert trained["conv2_3x3_bn.num_batches_tracked"] == 0
    assert torch.equal(trained["conv2_3x3_bn.weight"], torch.ones_like(trained["conv2_3x3_bn.weight"]))


def test_per_dataset_training_is_used(tsn, toy, tmp_path):
    section = tsn.spatial.model_copy(update={"per_dataset": {"toy": {"iterations": 2}}})
    out = train(tsn.model_copy(update={"spatial": section}), "spatial", toy, tmp_path / "model.pt")
    assert read_own(out)["metadata"]["iterations"] == 2


def test_bfloat16_trains_float32_weights(tsn, toy, tmp_path):
    compute = config.Compute(precision="bfloat16")
    out = train(tsn, "spatial", toy, tmp_path / "model.pt", compute=compute)
    assert {value.dtype for value in state(out).values()} == {torch.float32, torch.int64}


def test_batches_depend_on_seed_and_step_alone(tsn, toy):
    clips = select(read_manifest(toy.manifest), "train")
    with (
        ClipReader(clips, [toy.frames["train"]], [], toy.frame_size, keep=True) as kept,
        ClipReader(clips, [toy.frames["train"]], [], toy.frame_size) as read,
    ):
        first = Batches(*stage_of(tsn, "spatial", batch_size=6), clips, kept, 0, ("a",))
        second = Batches(*stage_of(tsn, "spatial", batch_size=6), clips, read, 0, ("a",))
        batches = [first[step] for step in range(8)]
        (tensor,), labels = second[5]
        assert torch.equal(tensor, batches[5][0][0])
        assert torch.equal(labels, batches[5][1])
    # 8 batches of 6 are three passes over 16 clips: 24 of each class.
    assert torch.cat([labels for _, labels in batches]).sum() == 24


@pytest.mark.slow
def test_batches_made_ahead_are_the_same(st_resnet, toy):
    clips = select(read_manifest(toy.manifest), "train")
    stores = ([toy.frames["train"]], [toy.flow["train"]])
    with ClipReader(clips, *stores, toy.frame_size, keep=True) as reader:
        batches = Batches(*stage_of(st_resnet, "joint", batch_size=3), clips, reader, 0, ("a",))
        random = torch.get_rng_state()
        for step, (raw, labels) in zip(range(2, 9), batches.of_steps(range(2, 9), CPU, 2), strict=True):
            expected = batches[step]
            assert all(map(torch.equal, raw, expected[0]))
            assert torch.equal(labels, expected[1])
        assert torch.equal(torch.get_rng_state(), random)


@pytest.mark.slow
def test_training_on_batches_made_ahead_ends_with_the_same_weights(tsn, toy, tmp_path, monkeypatch):
    expected = train(tsn, "temporal", toy, tmp_path / "here.pt", frames=[])
    monkeypatch.setattr(training, "workers", lambda compute: 1)
    assert same(expected, train(tsn, "temporal", toy, tmp_path / "ahead.pt", frames=[]))


def test_errors_name_what_is_missing(tsn, toy, tmp_path):
    out = tmp_path / "model.pt"
    with pytest.raises(StreamError, match="tsn: no key spatial; give the stream's training, or its weights"):
        train(tsn.model_copy(update={"spatial": None}), "spatial", toy, out)
    with pytest.raises(StreamError, match="tsn has no stream joint, only spatial, temporal"):
        train(tsn, "joint", toy, out)
    with pytest.raises(ReadingError, match=r"clip .* is not in"):
        train(tsn, "spatial", toy, out, frames=[toy.frames["test"]])
    with pytest.raises(ReadingError, match=r"flow of .* is 40x32, but recognition.frame_size is 48x32"):
        train(tsn, "temporal", toy, out, frame_size=[48, 32])
    assert not out.exists()


def test_checkpoints_of_other_recognisers_are_refused(tsn, tmp_path):
    spatial = tsn.scored("spatial")
    network = models.build_model(spatial, 2, 0.0)
    out = tmp_path / "model.pt"
    models.save_model(out, network, spatial, {"stream": "spatial", "classes": 2})
    assert np.isclose(load_model(out, spatial, 2).last_linear.bias.sum().item(), 0)
    with pytest.raises(ModelError, match=r"'spatial', 2.*expected.*'temporal', 2"):
        load_model(out, tsn.scored("temporal"), 2)
    with pytest.raises(StreamError, match="no stream joint"):
        tsn.scored("joint")


@pytest.mark.numeric
@pytest.mark.slow
def test_two_devices_share_every_batch_of_both_stages(st_resnet, toy, tmp_path):
    """BN sees a device's part: close to one device's weights, not equal."""
    init = [train(st_resnet, name, toy, tmp_path / f"{name}.pt") for name in ("spatial", "temporal")]
    one = state(train(st_resnet, "joint", toy, tmp_path / "one.pt", init=init))
    two = state(
        train(st_resnet, "joint", toy, tmp_path / "two.pt", init=init, compute=config.Compute(devices=2))
    )
    streams = [load_model(path, st_resnet.scored(path.stem), 2) for path in init]
    start = models.join(st_resnet.scored("joint"), streams).state_dict()
    moved = sum((one[name] - start[name]).float().norm() for name in one)
    apart = sum((two[name] - one[name]).float().norm() for name in one)
    assert 0 < apart < moved


def changed(spec, stream: str, **keys):
    """The recogniser with other keys in a stream's training."""
    return spec.model_copy(update={stream: getattr(spec, stream).model_copy(update=keys)})


@pytest.mark.numeric
def test_gradients_of_micro_batches_add_up_to_those_of_the_batch(tsn, toy, tmp_path, monkeypatch):
    # Without BN's statistics and dropout, what a clip adds does not depend on the others.
    monkeypatch.setattr(training, "train_mode", lambda network, partial_bn: network.eval())
    expected = state(train(tsn, "spatial", toy, tmp_path / "whole.pt"))
    found = state(train(changed(tsn, "spatial", micro_batch=1), "spatial", toy, tmp_path / "micro.pt"))
    start = tsn.spatial.model_copy(update={"iterations": 1, "lr": 1e-9})
    first = state(train(tsn.model_copy(update={"spatial": start}), "spatial", toy, tmp_path / "start.pt"))
    moved = sum((expected[name] - first[name]).float().norm() for name in expected)
    apart = sum((expected[name] - found[name]).float().norm() for name in expected)
    assert apart < 1e-3 * moved


@pytest.mark.numeric
def test_bn_takes_its_statistics_over_a_micro_batch(tsn, toy, tmp_path):
    counts = {
        micro: state(
            train(changed(tsn, "spatial", micro_batch=micro), "spatial", toy, tmp_path / f"{micro}.pt")
        )
        for micro in (None, 2)
    }
    name = next(name for name in counts[2] if name.endswith("num_batches_tracked"))
    steps = tsn.spatial.iterations
    assert (counts[None][name], counts[2][name]) == (steps, 2 * steps)


@pytest.mark.numeric
@pytest.mark.slow
def test_two_devices_with_the_same_micro_batches_train_the_same_weights(tsn, toy, tmp_path):
    spec = changed(tsn, "temporal", micro_batch=1, dropout=0.0, iterations=4)  # rounding grows with the steps
    one = state(train(spec, "temporal", toy, tmp_path / "one.pt"))
    two = state(train(spec, "temporal", toy, tmp_path / "two.pt", compute=config.Compute(devices=2)))
    start = changed(spec, "temporal", iterations=1, lr=1e-9)
    first = state(train(start, "temporal", toy, tmp_path / "start.pt"))
    names = [name for name in one if "running" not in name and "tracked" not in name]
    apart = sum((two[name] - one[name]).norm() for name in names)
    moved = sum((one[name] - first[name]).norm() for name in names)
    assert apart < 1e-3 * moved


@pytest.mark.parametrize("first_frame", [1, 2])
def test_tsn_learns_from_frames_from_the_second_and_from_all_fields(tsn, toy, first_frame):
    clips = select(read_manifest(toy.manifest), "train")[:1]
    seen = {"frames": set(), "fields": set()}

    class Noting(ClipReader):
        def frames(self, clip, numbers):
            seen["frames"].update(numbers)
            return super().frames(clip, numbers)

        def fields(self, clip, numbers):
            seen["fields"].update(numbers)
            return super().fields(clip, numbers)

    spec = tsn.model_copy(update={"first_frame": first_frame})
    with Noting(clips, [toy.frames["train"]], [toy.flow["train"]], toy.frame_size) as reader:
        for stream in ("spatial", "temporal"):
            Batches(*stage_of(spec, stream, batch_size=60), clips, reader, 1, ("check",))[0]
    length = (clips[0].frames - first_frame + 1) // 3  # of a segment; what is left over is not drawn
    assert seen["frames"] == set(range(first_frame - 1, first_frame - 1 + 3 * length))
    assert 0 in seen["fields"]


def test_clips_of_a_piece_share_place_and_mirroring_but_not_sides(st_resnet, toy, monkeypatch):
    clips = select(read_manifest(toy.manifest), "train")
    drawn = []

    def record(raw, box, crop, flow):
        drawn.append((box.top / max(1, 32 - box.height), box.left / max(1, 40 - box.width), box))
        return np.zeros((len(raw), crop, crop, 3), np.uint8)

    monkeypatch.setattr(batches.inputs, "cut_resized", record)
    with ClipReader(clips, [toy.frames["train"]], [], toy.frame_size) as reader:
        spec = st_resnet.model_copy(update={"crop": 16})
        common = (clips, reader, 1, ("check",))
        for same_place in (True, False):
            piece = stage_of(spec, "spatial", batch_size=16, micro_batch=8, same_place=same_place)
            read = Batches(*piece, *common)
            mirrored = []
            for number in range(8):
                drawn.clear()
                read[number]
                boxes = [box for *_, box in drawn]
                assert len({(box.height, box.width) for box in boxes}) > 1
                mirrored.append({box.mirrored for box in boxes})
                # One share of the free space, rounded down in each crop.
                spread = [max(d[axis] for d in drawn) - min(d[axis] for d in drawn) for axis in (0, 1)]
                assert (max(spread) < 0.2) == same_place
            assert all(len(found) == 1 for found in mirrored) == same_place
            assert set().union(*mirrored) == {True, False}
        # The second device's pieces are those of the whole batch.
        piece = stage_of(spec, "spatial", batch_size=16, micro_batch=4)
        whole = Batches(*piece, *common)
        half = Batches(*piece, *common, part=slice(8, 16))
        seen = []
        for part, numbers in ((whole, (2, 3, 6, 7)), (half, (0, 1, 2, 3))):
            drawn.clear()
            for number in numbers:
                part[number]
            seen.append([box for *_, box in drawn])
        assert seen[0] == seen[1]


def test_the_appearance_stream_shares_a_place_by_default(st_resnet, toy, tmp_path, monkeypatch):
    asked = []
    original = Batches.sample
    monkeypatch.setattr(
        Batches, "sample", lambda self, *a: asked.append(a[-1] is not None) or original(self, *a)
    )
    spec = st_resnet.model_copy(update={"spatial": AppearanceTraining(iterations=1, batch_size=2)})
    shared = train(spec, "spatial", toy, tmp_path / "shared.pt")
    own = AppearanceTraining(iterations=1, batch_size=2, same_place=False)
    each = train(spec.model_copy(update={"spatial": own}), "spatial", toy, tmp_path / "own.pt")
    train(spec, "temporal", toy, tmp_path / "temporal.pt")
    assert asked == [True] * 2 + [False] * 2 + [False] * 4 * 12
    assert not same(shared, each)


def test_parts_of_a_batch_are_those_of_the_whole(tsn, toy):
    clips = select(read_manifest(toy.manifest), "train")
    with ClipReader(clips, [toy.frames["train"]], [], toy.frame_size) as reader:
        common = (*stage_of(tsn, "spatial", batch_size=4), clips, reader, 1, ("check",))
        whole, halves = Batches(*common), [Batches(*common, part=slice(at, at + 2)) for at in (0, 2)]
        (images,), labels = whole[3]
        parts = [half[3] for half in halves]
        assert len({half.step_seed(3) for half in halves}) == 2  # dropout differs
        assert halves[0].step_seed(3) == whole.step_seed(3)
    assert torch.equal(images, torch.cat([tensors[0] for tensors, _ in parts]))
    assert torch.equal(labels, torch.cat([labels for _, labels in parts]))
