"""YAML pitfalls in configurations."""

import copy
from pathlib import Path

import pytest
import yaml

from pipeline.cli import main
from pipeline.config.load import ConfigError, load_config
from pipeline.config.text import ConfigTextError, check_keys, read_config


@pytest.fixture
def text(root: Path) -> str:
    return (root / "config.yaml").read_text()


@pytest.fixture
def raw(text) -> dict:
    return yaml.safe_load(text)


def message(raw: dict) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(raw)
    return str(caught.value)


@pytest.mark.parametrize("section", ["report", "tables", "quality", "compute"])
def test_an_empty_section_has_its_defaults(raw, section):
    # The demo's tables and figures name rows; the defaults of a section do not.
    without = {key: value for key, value in raw.items() if key != section}
    assert load_config(raw | {section: None}) == load_config(without)


def test_default_pictures_show_rows_that_there_are(raw):
    rows = {"vdsr": raw["methods"]["vdsr"], "hr": raw["methods"]["hr"]}
    config = load_config({**raw, "methods": rows, "report": None, "tables": None})
    assert config.report.pictured == ["hr"]
    assert "report.pictured: 'sosr' is not a row" in message(
        {**raw, "methods": rows, "tables": None, "report": {"pictured": ["sosr"]}}
    )


def test_a_second_file_takes_entries_out_by_null(raw):
    raw = copy.deepcopy(raw) | {"tables": None}
    raw["datasets"]["hmdb_demo"] = raw["methods"]["srgan"] = None
    raw["superres"]["models"]["srgan"] = raw["recognition"]["recognizers"]["st_resnet"] = None
    config = load_config(raw)
    assert list(config.datasets) == ["ucf_demo"]
    assert "srgan" not in {*config.methods, *config.superres.models}
    assert list(config.recognition.recognizers) == ["tsn"]


def test_an_entry_left_empty_by_mistake_is_named(raw):
    raw["superres"]["models"]["vdsr"] = None
    text = message(raw)
    assert "methods.vdsr.model: 'vdsr' is not a model" in text
    assert "superres.models.vdsr: empty (null), and so left out" in text


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("{superres: null}", ["superres: missing"]),
        ("{seed: }", ["seed: empty"]),
        ("{datasets: {a: {layout: ucf101, classes: [1, 2]}}}", ["classes.0", "found 1", "put it in quotes"]),
        ("{datasets: {a: {layout: ucf101, classes: [yes]}}}", ["classes.0", "found True", "in quotes"]),
        ("{datasets: {a: {layout: ucf101, label: 7}}}", ["datasets.a.label", "found 7", "in quotes"]),
        ("{datasets: {a: {layout: ucf101, split: '1'}}}", ["datasets.a.split", "'1'", "remove the quotes"]),
        ("{datasets: {UCF-101: {layout: ucf101}}}", ["datasets.UCF-101: a name has lower-case letters"]),
        ("{seed: 1e3}", ["seed", "'1e3'", "YAML reads 1e3 as text: write 1000"]),
        ("{seed: 10.0}", ["seed", "found 10.0", "write 10"]),
        ("{flow: {bound: '6.0'}}", ["flow.bound", "write 6.0 without quotes"]),
        ("{flow: {bound: .inf}}", ["flow.bound", "finite"]),
        ("{methods: null}", ["methods: empty"]),
    ],
)
def test_what_yaml_made_of_a_value_is_reported(raw, part, words):
    text = message(raw | yaml.safe_load(part))
    for word in words:
        assert word in text


@pytest.mark.parametrize("missing", ["superres", "recognition", "methods"])
def test_a_missing_section_names_a_file_to_start_from(raw, missing, root):
    del raw[missing]
    assert f"{missing}: missing" in message(raw)
    assert "config/own-data.yaml" in message(raw)
    assert (root / "config/own-data.yaml").is_file()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("seed: 0\nflow:\n  bound: 1\n  bound: 2\n", "flow.bound is there 2 times, in lines 3, 4"),
        ("seed: 0\nseed: 0\n", "seed is there 2 times, in lines 1, 2"),
        ('{"a": [{"b": 1, "b": 2}]}', "a.b is there 2 times"),
    ],
)
def test_a_key_twice_is_refused(tmp_path, content, words):
    path = tmp_path / "c.yaml"
    path.write_text(content)
    with pytest.raises(ConfigTextError) as caught:
        check_keys(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def test_our_own_files_have_every_key_once(root):
    for path in (root / "config.yaml", *root.glob("config/*.yaml"), root / "tests/micro/config.yaml"):
        check_keys(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_byte_order_mark_and_windows_line_ends_are_taken(tmp_path, raw, text, encoding, line_end):
    path = tmp_path / "c.yaml"
    path.write_bytes(text.replace("\n", line_end).encode(encoding))
    assert read_config(path) == raw


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("seed: 0\n".encode("utf-16"), "not UTF-8 text; save it as UTF-8"),
        (b"\tseed: 0\n", "not YAML"),
        (b"", "no keys at its top level"),
        (b"- 1\n", "no keys at its top level"),
    ],
)
def test_a_file_that_is_no_configuration_is_reported_in_one_line(tmp_path, capsys, content, words):
    path = tmp_path / "c.yaml"
    path.write_bytes(content)
    assert main(["preflight", "--config", str(path)]) == 1
    output = capsys.readouterr().err.strip()
    assert words in output
    assert str(path) in output
    assert len(output.splitlines()) == 1
