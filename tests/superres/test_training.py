"""Trainings from patch file to checkpoint."""

import json
import logging

import asking
import h5py
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pipeline.config import Compute, SRModel, SRTraining
from pipeline.files import seed_for
from pipeline.superres import batches
from pipeline.superres.models import CheckpointError, load_model
from pipeline.superres.networks import load_network
from pipeline.superres.training import train_sr
from pipeline.training.devices import DeviceProcessError
from pipeline.training.log import TrainingError
from pipeline.weights.checkpoint import read_own

SIZE = 32
VDSR = {"network": "vdsr", "args": {"depth": 3, "features": 8}}
RECIPE = {"iterations": 12, "batch_size": 2, "lr": 1e-3, "validate_every": 6, "checkpoint_every": 5}
GAN = {
    "pixel": {"flow_weight": "squared_magnitude", "normalise": "mean"},
    "feature": {},
    "adversarial": {"args": {"size": SIZE, "features": 4}},
}
WARP = {"pixel": {"kind": "huber"}, "warp": {}}
MODELS = {
    "mse": SRModel(**VDSR, training=SRTraining(**RECIPE, crop=16)),
    "gan": SRModel(
        network="rrdb",
        args={"blocks": 1, "features": 8, "growth": 4},
        training=SRTraining(**RECIPE, losses=GAN, milestones=[4, 8]),
    ),
    "warp": SRModel(
        network="vsr_duf",
        args={"depth": 16, "units": 1, "growth": 8, "features": 16, "head": 16, "start": "bilinear"},
        training=SRTraining(**RECIPE, patches="tosr", losses=WARP),
    ),
    "siamese_image": SRModel(**VDSR, training=SRTraining(**RECIPE, patches="tosr", losses=WARP)),
}


def train(patches, folder, model, name="m", seed=0, init=None, code="", compute=None):
    folder.mkdir(exist_ok=True)
    request, progress = asking.training(model, name, seed, compute)
    train_sr(request, progress, patches / f"{model.training.patches}.h5", init, code, folder / "out.pt")
    return read_own(folder / "out.pt")["state_dict"]


def stopped(patches, folder, model, monkeypatch, at=8, **options):
    """Run a training that dies when it requests the batch of step ``at`` (from 0)."""
    original = batches.training_batch

    def dying(patch_file, training, seed, step, part):
        if step == at:
            raise KeyboardInterrupt
        return original(patch_file, training, seed, step, part)

    with monkeypatch.context() as patch:
        patch.setattr(batches, "training_batch", dying)
        with pytest.raises(KeyboardInterrupt):
            train(patches, folder, model, **options)
    assert (folder / "out.resume").is_file()
    assert not (folder / "out.pt").exists()


def same(one, two):
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def distance(one, two) -> float:
    """How far two sets of weights are apart.

    Not weight by weight: Adam makes a whole step of a gradient that is only rounding.
    """
    assert one.keys() == two.keys()
    return float(sum((two[name] - one[name]).float().norm() for name in one))


def begun(patches, folder, model):
    """The weights that a training starts from, all but untouched."""
    training = model.training.model_copy(update={"iterations": 1, "lr": 1e-12})
    return train(patches, folder, model.model_copy(update={"training": training}))


@pytest.mark.parametrize("recipe", MODELS)
def test_a_resumed_training_equals_an_unbroken_one(patches, tmp_path, monkeypatch, capfd, recipe):
    model = MODELS[recipe]
    unbroken = train(patches, tmp_path / "unbroken", model)
    stopped(patches, tmp_path / "broken", model, monkeypatch)
    torch.manual_seed(123)  # whatever another process starts with
    capfd.readouterr()
    resumed = train(patches, tmp_path / "broken", model)
    assert "from step 5" in capfd.readouterr().err
    assert same(unbroken, resumed)
    files = [tmp_path / name / "out.pt" for name in ("unbroken", "broken")]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert not (tmp_path / "broken" / "out.resume").exists()


@pytest.mark.parametrize("recipe", MODELS)
def test_training_changes_weights_and_the_result_loads(patches, tmp_path, recipe):
    model = MODELS[recipe]
    train(patches, tmp_path, model)
    network = load_model(model, tmp_path / "out.pt")
    lr = torch.rand(1, network.frames, 3, 8, 8)
    sr = network(lr)
    assert sr.shape == (1, 3, 32, 32)
    assert torch.isfinite(sr).all()
    metadata = read_own(tmp_path / "out.pt")["metadata"]
    assert metadata["steps"] == 12
    assert json.loads(metadata["recipe"])["network"] == model.network
    assert metadata["bicubic_psnr"] > 15


def test_seed_and_name_change_the_weights(patches, tmp_path):
    model = MODELS["mse"]
    first = train(patches, tmp_path / "a", model)
    assert same(first, train(patches, tmp_path / "b", model))
    assert not same(first, train(patches, tmp_path / "c", model, seed=1))
    assert not same(first, train(patches, tmp_path / "d", model, name="other"))


@pytest.mark.parametrize("change", [{"seed": 1}, {"code": "b"}, {"name": "n"}])
def test_a_checkpoint_of_another_run_is_ignored(patches, tmp_path, monkeypatch, capfd, change):
    model = MODELS["mse"]
    expected = train(patches, tmp_path / "fresh", model, **change)
    stopped(patches, tmp_path / "stale", model, monkeypatch)
    found = train(patches, tmp_path / "stale", model, **change)
    assert same(expected, found)
    assert "starts anew" in capfd.readouterr().out


@pytest.mark.numeric
def test_training_beats_bicubic_on_what_it_has_seen(patches, tmp_path):
    """120 steps on eight patches: the loss falls and the training patches come out better than bicubic."""
    recipe = RECIPE | {"iterations": 120, "batch_size": 8, "lr": 3e-3}
    model = SRModel(network="vdsr", args={"depth": 4, "features": 16}, training=SRTraining(**recipe))
    train(patches, tmp_path, model)
    network = load_model(model, tmp_path / "out.pt")
    with h5py.File(patches / "sosr.h5") as file:
        hr, lr = (torch.from_numpy(file["train"][k][:]).permute(0, 3, 1, 2) / 255 for k in ("hr", "lr"))
    plain = load_network("bicubic", {})(lr)
    assert (network(lr) - hr).square().mean() < 0.9 * (plain - hr).square().mean()


@pytest.mark.numeric
def test_a_siamese_pair_has_less_warp_error_with_the_warp_loss(patches, tmp_path):
    """The warp term is what it says: it is logged, and falls."""
    model = MODELS["siamese_image"]
    longer = model.training.model_copy(update={"iterations": 60, "batch_size": 4})
    train(patches, tmp_path, model.model_copy(update={"training": longer}))
    log = EventAccumulator(str(tmp_path / "tensorboard" / "out")).Reload()
    values = [event.value for event in log.Scalars("loss/warp")]
    assert values[-1] < values[0]


def test_tensorboard_has_losses_rate_psnr_and_images(patches, tmp_path, monkeypatch):
    model = MODELS["gan"]
    stopped(patches, tmp_path, model, monkeypatch)
    train(patches, tmp_path, model)
    logging.getLogger("tensorboard").setLevel(logging.ERROR)
    log = EventAccumulator(str(tmp_path / "tensorboard" / "out")).Reload()
    tags = log.Tags()
    assert {
        "loss/pixel",
        "loss/feature",
        "loss/adversarial",
        "loss/adversarial/discriminator",
        "loss/total",
    } <= set(tags["scalars"])
    assert [event.step for event in log.Scalars("psnr/validation")] == [6, 12] or [
        event.step for event in log.Scalars("psnr/validation")
    ] == [12]
    assert log.Scalars("learning_rate")[-1].value == pytest.approx(1e-3 / 4)
    assert tags["images"] == ["lr_bicubic_sr_hr"]
    image = log.Images("lr_bicubic_sr_hr")[-1]
    assert (image.width, image.height) == (4 * SIZE, 3 * SIZE)


@pytest.mark.numeric
def test_init_starts_from_the_weights_of_another_model(patches, tmp_path):
    first = train(patches, tmp_path / "first", MODELS["mse"])
    almost_still = SRModel(**VDSR, training=SRTraining(**RECIPE | {"lr": 1e-12, "iterations": 1}))
    second = train(patches, tmp_path / "second", almost_still, init=tmp_path / "first" / "out.pt")
    for key, value in first.items():
        torch.testing.assert_close(second[key], value, rtol=0, atol=1e-9)
    other = SRModel(network="vdsr", args={"depth": 4}, training=SRTraining(**RECIPE))
    with pytest.raises(CheckpointError, match=r"expected vdsr with \{'depth': 4\}"):
        train(patches, tmp_path / "third", other, init=tmp_path / "first" / "out.pt")


def test_batch_statistics_see_each_frame_of_a_pair_by_itself(patches, tmp_path):
    """As in the authors' code: a step updates the running statistics twice, frame t first, then t + 1."""
    model = MODELS["warp"]
    recipe = model.training.model_copy(update={"iterations": 1, "batch_size": 8})
    args = model.args | {"momentum": 0.25}
    model = model.model_copy(update={"training": recipe, "args": args})
    state = train(patches, tmp_path, model)
    assert state["dense_block1.dense_blocks.0.0.num_batches_tracked"] == 2
    # One step over all eight patches: by hand with the weights that it started from.
    torch.manual_seed(seed_for(0, "train_sr", "m"))
    network = load_network(model.network, args)
    with h5py.File(patches / "tosr.h5") as file, torch.no_grad():
        frames = torch.from_numpy(file["train/lr"][:]).permute(0, 1, 2, 5, 3, 4) / 255  # (8, 2, 7, 3, h, w)
        means = [network.conv3d1(frames[:, side].transpose(1, 2)).mean((0, 2, 3, 4)) for side in (0, 1)]
    # Without the bias of their start: weights 0.75 and 1, over 1.75.
    expected = (0.75 * means[0] + means[1]) / 1.75
    torch.testing.assert_close(state["dense_block1.dense_blocks.0.0.running_mean"], expected)


@pytest.mark.numeric
def test_the_expansion_filters_of_tosr_train_from_fixed_ones(patches, tmp_path):
    start, tosr = MODELS["warp"], MODELS["warp"]
    train(patches, tmp_path / "start", start, name="start")
    tosr = tosr.model_copy(update={"args": tosr.args | {"learned_expansion": True}})
    state = train(patches, tmp_path / "tosr", tosr, name="tosr", init=tmp_path / "start" / "out.pt")
    plain = torch.eye(25).view(25, 1, 5, 5).repeat(3, 1, 1, 1)
    moved = (state["dynamic_filter.expansion_filter"] - plain).abs().max()
    assert 0 < moved < 0.1


@pytest.mark.numeric
def test_spmc_in_its_three_phases(patches, tmp_path):
    """Motion alone, then the rest with the motion network fixed, then both: each starts from the last."""
    spmc = {"network": "spmc", "args": {"features": 2, "motion_features": 2, "gain": 2.0}}
    recipe = RECIPE | {"patches": "tosr", "iterations": 3, "lr": 1e-3}
    phases = [
        {"losses": {"pixel": None, "motion": {"weight": 1.0}}},
        {"losses": {"pixel": {}}, "frozen": ["motion."]},
        {"losses": {"pixel": {}, "motion": {}}},
    ]
    torch.manual_seed(0)
    before, init, moved = None, None, []
    for number, phase in enumerate(phases):
        model = SRModel(**spmc, training=SRTraining(**recipe, **phase))
        after = train(patches, tmp_path / str(number), model, name="spmc", init=init)
        if before is not None:
            moved.append({k.split(".")[0] for k in after if not torch.equal(after[k], before[k])})
        before, init = after, tmp_path / str(number) / "out.pt"
    assert moved == [{"fusion"}, {"motion", "fusion"}]
    log = EventAccumulator(str(tmp_path / "0" / "tensorboard" / "out")).Reload()
    assert "loss/motion" in log.Tags()["scalars"]
    assert "loss/pixel" not in log.Tags()["scalars"]


def test_frozen_names_must_exist(patches, tmp_path):
    model = SRModel(**VDSR, training=SRTraining(**RECIPE, frozen=["inputs"]))
    with pytest.raises(TrainingError, match=r"VDSR begins with 'inputs'; they begin with input, output, res"):
        train(patches, tmp_path, model)


def test_a_diverging_training_stops_with_its_name_and_step(patches, tmp_path):
    model = SRModel(**VDSR, training=SRTraining(**RECIPE | {"lr": 1e30}))
    with pytest.raises(
        TrainingError,
        match=r"train_sr m: the loss \(pixel, total\) is not finite between steps 1 and .*; "
        r"lower lr or set clip_gradient in superres\.models\.m\.training, or use float32",
    ):
        train(patches, tmp_path, model)
    assert not (tmp_path / "out.pt").exists()
    assert not (tmp_path / "out.resume").exists()


def test_bfloat16_trains_float32_weights(patches, tmp_path):
    state = train(patches, tmp_path, MODELS["gan"], compute=Compute(precision="bfloat16"))
    assert {value.dtype for value in state.values() if value.is_floating_point()} == {torch.float32}


def test_a_training_leaves_torch_as_it_was(patches, tmp_path):
    threads = torch.get_num_threads()
    train(patches, tmp_path, MODELS["mse"])
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.numeric
@pytest.mark.slow
def test_two_devices_train_the_same_weights_as_one(patches, tmp_path, monkeypatch):
    # Fabric would take a job on SLURM for one of two that srun had started, and wait for the other.
    monkeypatch.setenv("SLURM_NTASKS", "1")
    monkeypatch.setenv("SLURM_JOB_NAME", "train_sr")
    one = train(patches, tmp_path / "one", MODELS["mse"])
    two = train(patches, tmp_path / "two", MODELS["mse"], compute=Compute(devices=2))
    assert distance(one, two) < 0.01 * distance(one, begun(patches, tmp_path / "start", MODELS["mse"]))
    assert (tmp_path / "two" / "tensorboard" / "out").is_dir()


@pytest.mark.slow
def test_two_devices_train_what_depends_on_their_parts_of_a_batch(patches, tmp_path):
    """BN and the relativistic means see a device's part: close to one device's, not equal."""
    model = MODELS["gan"]

    def changed(**recipe) -> SRModel:
        training = model.training.model_copy(update={"batch_size": 4} | recipe)
        return model.model_copy(update={"training": training})

    start = train(patches, tmp_path / "start", changed(iterations=1))
    model = changed()
    two = train(patches, tmp_path / "two", model, compute=Compute(devices=2))
    one = train(patches, tmp_path / "one", model)
    assert 0 < distance(one, two) < distance(one, start)


@pytest.mark.numeric
@pytest.mark.slow
def test_two_devices_train_the_motion_network_alone(patches, tmp_path):
    losses = {"pixel": None, "motion": {}}
    model = SRModel(
        network="spmc",
        args={"features": 8, "motion_features": 8},
        training=SRTraining(**RECIPE, patches="tosr", losses=losses),
    )
    one = train(patches, tmp_path / "one", model)
    two = train(patches, tmp_path / "two", model, compute=Compute(devices=2))
    assert distance(one, two) < 0.01 * distance(one, begun(patches, tmp_path / "start", model))


@pytest.mark.slow
def test_what_one_of_two_devices_cannot_do_ends_in_one_line(patches, tmp_path):
    model = SRModel(**VDSR, training=SRTraining(**RECIPE, frozen=["nothing"]))
    with pytest.raises(DeviceProcessError, match=r"TrainingError: training.frozen: no parameter") as error:
        train(patches, tmp_path, model, compute=Compute(devices=2))
    assert "\n" not in str(error.value)
