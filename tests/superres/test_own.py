"""A user's own networks and losses: files in the user's folder, and entries in the configuration."""

import copy
import json
import re
import shutil
import sys
from pathlib import Path

import asking
import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from workflow import Project

from pipeline.config import Config, SRModel, SRTraining
from pipeline.config.load import ConfigError, load_config
from pipeline.config.superres import ORDER, Loss
from pipeline.experiment import Experiment, Given
from pipeline.fingerprint import fingerprint
from pipeline.plugins import names
from pipeline.preflight.networks import Inspection
from pipeline.superres.discriminator import Discriminator
from pipeline.superres.inference import super_resolve
from pipeline.superres.models import load_model
from pipeline.superres.training import train_sr
from pipeline.video.store import ShardReader
from pipeline.weights.checkpoint import read_own
from tests.superres.test_inference import shard  # noqa: F401
from tests.superres.test_training import same, stopped, train

STEPS = {"iterations": 3, "batch_size": 2, "validate_every": 3, "checkpoint_every": 1}
VDSR = {"network": "vdsr", "args": {"depth": 2, "features": 4}}
EDGES = {"loss": "my_losses:Edges"}
STEADY = {"loss": "losses_of_mine:Steady", "target": "level.txt"}
KEY = "superres.models.mine.training"


@pytest.fixture
def own(tmp_path, monkeypatch) -> Path:
    """A folder with the networks and losses of the README and of this file, where modules are found."""
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    for text in re.findall(r"```python\n(.*?)```", readme, re.DOTALL):
        (tmp_path / text.splitlines()[0].removeprefix("# ")).write_text(text)
    shutil.copy(Path(__file__).parent / "losses_of_mine.py", tmp_path)
    (tmp_path / "level.txt").write_text("0.5")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in ("my_networks", "my_losses", "losses_of_mine"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def micro(root: Path) -> dict:
    """The micro configuration with one model, which is a row."""
    raw = yaml.safe_load((root / "tests/micro/config.yaml").read_text())
    raw["superres"]["models"] = {"bicubic": {"network": "bicubic"}}
    raw["methods"] = {"bicubic": {"model": "bicubic"}}
    for key in ("tables", "quality"):
        raw.pop(key, None)
    return raw | {"report": {"pictured": ["bicubic"]}}


@pytest.fixture
def raw(micro, own) -> dict:
    """The micro configuration with the README's entries of a network and a loss."""
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    entries = next(
        yaml.safe_load(t) for t in re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL) if "my_" in t
    )
    raw = copy.deepcopy(micro)
    raw["superres"]["models"] |= entries["superres"]["models"]
    raw["methods"] |= entries["methods"]
    raw["superres"]["models"]["mine"]["training"] |= STEPS
    return raw | {"data_root": str(own)}


def with_losses(raw: dict, losses: dict, **training: object) -> dict:
    """The configuration with other losses."""
    raw["superres"]["models"]["mine"]["training"] |= {"losses": losses, **training}
    return raw


def load(raw: dict) -> Config:
    return load_config(raw, data_must_exist=False)


def test_the_readmes_network_and_loss_are_trained_and_make_frames(raw, patches, tmp_path, shard):  # noqa: F811
    asked = Experiment(load(raw))
    out, requests = tmp_path / "mine.pt", asked.requests
    request = requests.train_sr("mine")
    assert type(request).read(request.text()) == request
    train_sr(request, requests.show_progress("mine"), patches / "tosr.h5", None, "", out)
    state = read_own(out)["state_dict"]
    start = load_model(asked.config.superres.models["mine"], out)
    assert start.frames == 3
    assert set(state) == {"layers.0.weight", "layers.0.bias", "layers.2.weight", "layers.2.bias"}
    log = EventAccumulator(str(tmp_path / "tensorboard" / "mine")).Reload()
    assert {"loss/pixel", "loss/edges"} <= set(log.Tags()["scalars"])
    frames = requests.super_resolve("ucf_demo", "mine", "test", "1")
    paths = (shard / name for name in ("manifest.csv", "lr.h5", "plan.json", "sr.h5"))
    super_resolve(frames, out, *paths)


@pytest.fixture
def given(raw, own) -> dict:
    """The README's network with weights in place of a training."""
    from my_networks import Mine

    torch.manual_seed(0)
    torch.save(Mine(features=16).state_dict(), own / "mine.pth")
    del raw["superres"]["models"]["mine"]["training"]
    raw["superres"]["models"]["mine"]["weights"] = "mine.pth"
    return raw


def test_given_weights_of_an_own_network_pass_preflight_and_make_frames(given, own, shard):  # noqa: F811
    config = load(given)
    inspection = Inspection(config)
    inspection._model("superres.models.mine", config.superres.models["mine"])
    assert inspection.problems == []
    (weights,) = Experiment(config).files.model_weights("mine")
    assert (isinstance(weights, Given), Path(weights)) == (True, own / "mine.pth")
    frames = Experiment(config).requests.super_resolve("ucf_demo", "mine", "test", "1")
    super_resolve(
        frames, Path(weights), *(shard / n for n in ("manifest.csv", "lr.h5", "plan.json", "sr.h5"))
    )
    network = load_model(config.superres.models["mine"], Path(weights))
    with ShardReader(shard / "lr.h5") as low, ShardReader(shard / "sr.h5") as made:
        lr = torch.from_numpy(low.read("a/x", [3, 4, 5])).permute(0, 3, 1, 2)[None] / 255
        with torch.no_grad():
            expected = network(lr)[0].clamp(0, 1).mul(255).round().permute(1, 2, 0)
        found = torch.from_numpy(made.read("a/x", [4])[0].astype(float))
    assert (found - expected).abs().max() <= 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"args": {"features": 8}}, ["weights: ", "mine.pth does not fit Mine", "layers.0.weight"]),
        ({"args": {"depth": 8}}, ["args: ", "my_networks:Mine", "depth"]),
        ({"network": "my_networks:Other"}, ["network: ", "my_networks has no Other"]),
        ({"network": "torch.nn:Conv2d"}, ["network: ", "does not extend SRNetwork"]),
    ],
)
def test_an_own_network_that_does_not_fit_its_weights_is_named(given, change, words):
    given["superres"]["models"]["mine"] |= change
    inspection = Inspection(load(given))
    inspection._model("superres.models.mine", inspection.config.superres.models["mine"])
    (line,) = inspection.problems
    assert line.startswith(f"superres.models.mine.{words[0]}")
    for word in words:
        assert word in line


def test_the_readmes_loss_is_what_it_says(raw):
    loss = load(raw).superres.models["mine"].training.losses["edges"]
    sr = torch.zeros(1, 1, 3, 4, 4)
    sr[..., 2:] = 1.0  # one step of 1 in each row, of three steps

    class Batch:
        hr = torch.zeros_like(sr)

    assert float(loss.compute(sr, Batch, None)) == pytest.approx(0.1 / 3)


def test_the_readmes_entries_pass_preflight(raw):
    inspection = Inspection(load(raw))
    inspection._model("superres.models.mine", inspection.config.superres.models["mine"])
    assert inspection.problems == []


def test_the_code_of_ones_own_classes_counts(raw, own):
    code = Experiment(load(raw)).code
    assert {"my_networks:Mine", "my_losses:Edges"} <= set(code.train_sr("mine"))
    assert "my_networks:Mine" in code.super_resolve("mine")
    assert "my_losses:Edges" not in code.super_resolve("mine")
    assert fingerprint(*code.train_sr("mine")) != fingerprint(*code.super_resolve("mine"))


def steady(own: Path) -> dict:
    return {"pixel": None, "steady": STEADY | {"target": str(own / "level.txt")}}


def steady_model(own: Path) -> SRModel:
    training = STEPS | {"iterations": 6, "patches": "tosr", "losses": steady(own)}
    return SRModel.model_validate_json(json.dumps({**VDSR, "training": training}))


def test_a_recipe_of_ones_own_loss_alone_trains(own, patches, tmp_path):
    training = SRTraining(**STEPS, losses={"pixel": None, "plain": {"loss": "losses_of_mine:Plain"}})
    state = train(patches, tmp_path / "plain", SRModel(**VDSR, training=training))
    assert all(torch.isfinite(value).all() for value in state.values())
    log = EventAccumulator(str(tmp_path / "plain" / "tensorboard" / "out")).Reload()
    assert {tag for tag in log.Tags()["scalars"] if tag.startswith("loss/")} == {"loss/plain", "loss/total"}


def test_what_a_loss_trains_itself_is_resumed(own, patches, tmp_path, monkeypatch):
    model = steady_model(own)
    unbroken = train(patches, tmp_path / "unbroken", model)
    stopped(patches, tmp_path / "broken", model, monkeypatch, at=4)
    torch.manual_seed(5)
    assert same(unbroken, train(patches, tmp_path / "broken", model))
    log = EventAccumulator(str(tmp_path / "unbroken" / "tensorboard" / "out")).Reload()
    assert "loss/steady/colour" in log.Tags()["scalars"]


def test_a_training_starts_anew_when_a_file_of_its_loss_changes(own, patches, tmp_path, monkeypatch, capfd):
    model = steady_model(own)
    stopped(patches, tmp_path / "stale", model, monkeypatch, at=4)
    (own / "level.txt").write_text("0.25")
    expected = train(patches, tmp_path / "fresh", model)
    assert same(expected, train(patches, tmp_path / "stale", model))
    assert "starts anew" in capfd.readouterr().out


def test_what_a_loss_needs_is_its_own_answer(raw, own):
    config = load(with_losses(raw, steady(own)))
    training = config.superres.models["mine"].training
    assert training.pairs
    assert not training.augmented
    files = Experiment(config).files
    assert files.loss_weights("mine") == [str(own / "level.txt")]
    assert isinstance(files.loss_weights("mine")[0], Given)


def test_files_of_a_loss_lie_below_data_root_and_must_be_there(raw, own):
    raw = with_losses(raw, {"steady": STEADY})
    loss = load_config(raw).superres.models["mine"].training.losses["steady"]
    assert loss.target == own / "level.txt"
    (own / "level.txt").unlink()
    with pytest.raises(ConfigError, match=rf"{KEY}\.losses\.steady\.target: .*level\.txt does not exist"):
        load_config(raw)


@pytest.mark.parametrize(
    ("losses", "training", "message"),
    [
        ({"pixle": {}}, {}, rf"{KEY}\.losses\.pixle: .*no 'pixle' among adversarial, feature, motion, pixel"),
        ({"a": {"loss": "losses_of_min:Plain"}}, {}, rf"{KEY}\.losses\.a: .*no module losses_of_min"),
        ({"a": {"loss": "losses_of_mine:Plane"}}, {}, rf"{KEY}\.losses\.a: .*has no Plane"),
        ({"a": {"loss": "losses_of_mine:Other"}}, {}, rf"{KEY}\.losses\.a: .*does not extend Loss"),
        (
            {"edges": EDGES | {"weigth": 1.0}},
            {},
            rf"{KEY}\.losses\.edges\.weigth: unknown",
        ),
        (
            {"edges": EDGES | {"weight": -1.0}},
            {},
            rf"{KEY}\.losses\.edges\.weight: .*than 0",
        ),
        ({"pixel": None}, {}, rf"{KEY}\.losses: nothing to minimise"),
        ({"pixel": None, "warp": {}}, {}, rf"{KEY}\.losses: nothing to minimise but warp errors"),
        ({"warp": {}}, {"patches": "sosr"}, rf"{KEY}\.patches: the loss warp needs pairs; set it to tosr"),
        (
            {"a": STEADY},
            {"patches": "sosr"},
            rf"{KEY}\.patches: the loss a needs pairs",
        ),
        (
            {"a": STEADY | {"rate": 1e9}},
            {},
            rf"{KEY}\.losses\.a\.rate: 1000000000.0 is far above",
        ),
        (
            {"critic": {"loss": "adversarial", "args": {"size": 8}}},
            {},
            rf"{KEY}\.losses\.critic\.args\.size: 8 is not the side",
        ),
    ],
)
def test_mistakes_are_reported_at_their_key(raw, losses, training, message):
    with pytest.raises(ConfigError, match=message):
        load(with_losses(raw, losses, **training))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Vector", r"losses\.a: losses_of_mine:Vector: compute gives \(2, 1\), but must give a scalar"),
        ("Fails", r"losses\.a: losses_of_mine:Fails: AttributeError: .*'high'"),
        ("Silent", r"losses\.a: losses_of_mine:Silent: NotImplementedError: Silent must define compute"),
        ("Steady", r"losses\.a: sees three frames; use another"),
    ],
)
def test_a_loss_that_would_fail_in_the_training_is_reported_before_it(raw, name, message):
    entry = {"loss": f"losses_of_mine:{name}"} | ({"target": "level.txt"} if name == "Steady" else {})
    inspection = Inspection(load(with_losses(raw, {"a": entry})))
    inspection._model("superres.models.mine", inspection.config.superres.models["mine"])
    (problem,) = inspection.problems
    assert re.search(rf"^superres\.models\.mine\.training\.{message}", problem)


def test_the_order_in_the_file_decides_nothing():
    entries = {
        "zebra": {"loss": "pixel"},
        "motion": {},
        "warp": {},
        "adversarial": {},
        "feature": {},
        "pixel": {},
    }
    recipes = [
        SRTraining(patches="tosr", losses=dict(order))
        for order in (entries.items(), reversed(entries.items()))
    ]
    for recipe in recipes:
        assert list(recipe.terms) == [*ORDER, "zebra"]
    requests = [asking.training(SRModel(**VDSR, training=recipe))[0] for recipe in recipes]
    assert requests[0].text() == requests[1].text()
    assert list(requests[0].training.terms) == [*ORDER, "zebra"]


def test_a_recipe_has_the_pixel_loss_unless_it_is_null():
    assert list(SRTraining().terms) == ["pixel"]
    assert list(SRTraining(losses={"feature": {}}).terms) == ["pixel", "feature"]
    left = SRTraining(losses={"pixel": None, "feature": {}})
    assert list(left.terms) == ["feature"]
    assert SRTraining.model_validate_json(left.model_dump_json()) == left


def test_files_of_losses_and_discriminators_are_their_names():
    assert names(Loss) == sorted(ORDER)
    assert names(Discriminator) == ["srgan_discriminator", "vgg128"]


@pytest.mark.slow
def test_snakemake_plans_a_network_and_a_loss_of_the_working_folder(raw, own, root, tmp_path):
    project = Project.copy(root, tmp_path / "project")
    for name in ("my_networks.py", "my_losses.py"):
        (project.folder / name).write_text((own / name).read_text())
    (project.folder / "own.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
    planned = project.planned("--configfile", "own.yaml", "--", "results/table4.csv")
    assert "train_sr model=mine" in planned
    assert "super_resolve dataset=ucf_demo model=mine shard=0 split=test" in planned
    (project.folder / "my_losses.py").write_text("")
    failed = project.snakemake("--dry-run", "--configfile", "own.yaml", check=False)
    assert "superres.models.mine.training.losses.edges" in failed.stdout + failed.stderr
