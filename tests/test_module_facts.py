"""Each source is parsed once; later starts of Snakemake parse nothing."""

import pytest

from pipeline import behaviour, fingerprint, module_facts
from pipeline.cli import STAGES
from pipeline.module_facts import read_facts

SOURCE = """
import toy.helper
from toy import config
from .deep import VALUE as value

def run():
    from toy.late import LATER
    return config.SCALE * value + LATER
"""


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RECOSR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache/code"


@pytest.fixture
def parsed(monkeypatch) -> list[str]:
    """Files that were parsed."""
    files: list[str] = []
    read = behaviour.behaviour

    def watched(source: str, package: str, filename: str):
        files.append(filename)
        return read(source, package, filename)

    monkeypatch.setattr(behaviour, "behaviour", watched)
    return files


def facts(source: str = SOURCE, compiled: str = "", package: str = "toy", filename: str = "a.py"):
    return read_facts(source, compiled, package, filename)


def test_names_and_what_is_taken_from_them(cache):
    found = facts()
    assert found.modules == ["toy.helper"]
    names = {(name.level, name.module, name.name, name.bound): name.attributes for name in found.names}
    assert names == {
        (0, "toy", "config", "config"): ["SCALE"],
        (1, "deep", "VALUE", "value"): [],
        (0, "toy.late", "LATER", "LATER"): [],
    }
    assert {name.name for name in found.passed} == {"config", "VALUE"}


def test_the_same_source_is_parsed_once_whatever_its_name(cache, parsed):
    assert facts() == facts() == facts(filename="moved/b.py")
    assert parsed == ["a.py"]


@pytest.mark.parametrize(
    "change", [{"source": SOURCE + "X = 1\n"}, {"compiled": "int x;"}, {"package": "other"}]
)
def test_another_source_is_parsed(cache, parsed, change):
    before = facts()
    after = facts(**change)
    assert len(parsed) == 2
    assert (after.digest == before.digest) == ("package" in change)


def test_facts_of_another_reader_or_python_are_not_used(cache, parsed, monkeypatch):
    facts()
    monkeypatch.setattr(module_facts, "_reader", lambda: "another")
    facts()
    assert len(parsed) == 2


@pytest.mark.parametrize("damage", ["", "{", "[]", "{}", '{"digest": 1, "modules": [], "names": [{}]}'])
def test_a_damaged_memory_is_none(cache, parsed, damage):
    before = facts()
    (memory,) = cache.iterdir()
    memory.write_text(damage)
    assert facts() == before
    assert facts() == before
    assert len(parsed) == 2


def test_without_a_place_to_remember_it_is_parsed_again(cache, parsed):
    cache.parent.write_text("a file")
    assert facts() == facts()
    assert len(parsed) == 2


def test_a_second_start_parses_nothing(cache, parsed):
    """And its fingerprints are those of the first."""

    def start() -> dict[str, str]:
        for function in (fingerprint._source, fingerprint._facts, fingerprint._imports):
            function.cache_clear()
        return {name: fingerprint.fingerprint(name.partition(":")[0]) for name in STAGES.values()}

    first = start()
    assert len(parsed) > 50
    parsed.clear()
    assert start() == first
    assert parsed == []
