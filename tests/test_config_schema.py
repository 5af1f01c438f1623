"""config/schema.json: in step with the configuration, and as strict as an editor needs."""

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from pipeline.config import Config, Dataset, Loss, Protocol, Table
from pipeline.plugins import find, names
from tools.config_schema import TARGET, schema_text

ROOT = Path(__file__).parent.parent
FILES = [ROOT / "config.yaml", *sorted((ROOT / "config").glob("*.yaml"))]
MODELINE = "# yaml-language-server: $schema="


@pytest.fixture(scope="module")
def schema() -> dict:
    return json.loads(TARGET.read_text())


@pytest.fixture(scope="module")
def valid(schema):
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema).is_valid


def nested(place: str, value: object) -> object:
    for key in reversed(place.split(".")):
        value = {key: value}
    return value


def test_it_is_in_step():
    assert TARGET.read_text() == schema_text(), "run `make docs`"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_accepts_each_shipped_configuration(valid, path):
    assert valid(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize("path", [p for p in FILES if p.name != "own-data.yaml"], ids=lambda path: path.name)
def test_editors_find_it_from_each_file_that_is_used_where_it_lies(path):
    first = path.read_text().splitlines()[0]
    assert first.startswith(MODELINE)
    assert (path.parent / first.removeprefix(MODELINE)).resolve() == TARGET


@pytest.mark.parametrize(
    ("base", "key"), [(Dataset, "layout"), (Loss, "loss"), (Protocol, "protocol"), (Table, "table")]
)
def test_each_plugin_is_an_alternative_with_all_its_keys(schema, base, key):
    """The bases among them: their alternatives are what an editor offers."""
    keys = {
        section["properties"][key]["const"]: set(section["properties"])
        for section in schema["$defs"].values()
        if "const" in section.get("properties", {}).get(key, {})
    }
    assert keys == {name: set(find(base, name).model_fields) for name in names(base)}


def test_it_has_every_section_and_key(schema):
    assert set(schema["properties"]) == set(Config.model_fields)
    assert all(key.get("description") for key in schema["properties"].values())


TRAINING = "superres.models.mine.training"


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("seed", 3),
        ("flow", None),
        ("methods.vdsr", None),
        ("degradation", [{"blur": 1.6, "size": 13}, "subsample"]),
        ("degradations.mine", ["bicubic", {"codec": "h264", "crf": 23}, "my.steps:Step"]),
        ("degradations.mine", ["bicubic", {"step": "my.steps:Step", "strength": 3}]),
        ("datasets.mine", {"layout": "ucf101", "root": "UCF-101"}),
        ("datasets.mine", {"layout": "mine.layouts:Mine", "any": 1}),
        ("superres.models.mine", {"network": "rrdb", "args": {"blocks": 4}}),
        ("superres.models.mine.network", "mine:Net"),
        (f"{TRAINING}.losses", {"pixel": {"kind": "l1"}, "warp": {"sr": 1.0}}),
        (f"{TRAINING}.losses", {"pixel": None, "edges": {"loss": "mine:Edges", "weight": 0.1}}),
        (f"{TRAINING}.losses.second", {"loss": "pixel", "kind": "huber"}),
        (f"{TRAINING}.losses.pixel", {"loss": "mine:Other", "strength": 2}),
        ("recognition.recognizers.tsn", {"protocol": "tsn", "network": "bn_inception", "test_snippets": 3}),
        ("tables.table2", {"rows": [{"label": "a", "model": "b"}], "stream": "spatial"}),
        ("tables.significance", None),
        ("tables.another", {"table": "per_class", "rows": ["hr"]}),
    ],
)
def test_it_accepts_what_a_file_may_say(valid, place, value):
    assert valid(nested(place, value))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("sead", 3),
        ("seed", -1),
        ("flow.tvl1.lamda", 0.1),
        ("flow.tvl1.tau", "1e-4"),
        ("degradation", ["bicubc"]),
        ("degradation", [{"codec": "vp9", "crf": 23}]),
        ("degradations.mine", ["bicubic", {"sigma": 3.0}]),
        ("datasets.mine", {"layout": "ucf102"}),
        ("datasets.Mine", {"layout": "ucf101"}),
        ("superres.models.mine.network", "rrbd"),
        (f"{TRAINING}.losses.pixel", {"kin": "l1"}),
        (f"{TRAINING}.losses.pixel", {"kind": "l3"}),
        (f"{TRAINING}.losses.warp", {"kind": "l1"}),
        (f"{TRAINING}.losses.adversarial.discriminator", "vgg129"),
        ("recognition.recognizers.tsn", {"protocol": "tsn", "test_frames": 3}),
        ("recognition.recognizers.tsn.network", "bn_inceptoin"),
        ("tables.table1", {"ratios": [0.5]}),
        ("tables.another", {"table": "per_classes"}),
    ],
)
def test_it_refuses_what_the_run_would_refuse(valid, place, value):
    assert not valid(nested(place, value))
