"""config/schema.json, written from the typed configuration: ``python -m tools.config_schema``.

Editors complete and check configurations with it. A file may be laid over another one, so the schema requires
no key; whether all are there is for the run to say.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from pipeline.config import Config, Dataset, Loss, Protocol, Step, Table
from pipeline.config.tables import KINDS
from pipeline.config.text import NAMED_MAPS
from pipeline.plugins import files, find, names

Schema = dict[str, Any]

TARGET = Path(__file__).parent.parent / "config" / "schema.json"

PLUGINS = {Dataset: "layout", Loss: "loss", Protocol: "protocol", Step: "step", Table: "table"}
"""Bases of the sections that a key of theirs tells apart."""

NETWORKS = {
    "SRModel": ("network", "pipeline.superres.networks"),
    "Adversarial": ("discriminator", "pipeline.superres.discriminators"),
    **{
        find(Protocol, name).__name__: ("network", "pipeline.recognition.networks")
        for name in names(Protocol)
    },
}
"""Sections with a key that names a network, and the folder of the networks' files."""

OWN = {"type": "string", "pattern": r"^[\w.]+:\w+$", "description": "package.module:Class"}
NULL = {"type": "null"}


def config_schema() -> Schema:
    """The JSON schema (draft 2020-12) of a configuration file."""
    classes = {(base, name): find(base, name) for base in PLUGINS for name in names(base)}
    models = [Config, *PLUGINS, *classes.values()]
    made, schema = models_json_schema([(model, "validation") for model in models])
    sections = schema["$defs"]
    references = {model: made[model, "validation"] for model in models}

    def section(model: type) -> Schema:
        return sections[references[model]["$ref"].rpartition("/")[2]]

    for (base, name), model in classes.items():
        key = section(model)["properties"][PLUGINS[base]]
        section(model)["properties"][PLUGINS[base]] = {"const": name, "description": key["description"]}
    for name, (key, home) in NETWORKS.items():
        sections[name]["properties"][key] |= _choice(files(home))
    for one in sections.values():
        _as_written(one)
    for place in NAMED_MAPS:
        holder = section(Config)
        *parents, last = place.split(".")
        for parent in parents:
            reference = holder["properties"][parent]["anyOf"][0]["$ref"]
            holder = sections[reference.rpartition("/")[2]]
        entries = holder["properties"][last]["patternProperties"]
        entries.update({pattern: _or_null(entry) for pattern, entry in entries.items()})
    for base, key in PLUGINS.items():
        alternatives = [references[model] for (kind, _), model in classes.items() if kind is base]
        another = {"type": "object", "properties": {key: OWN}, "required": [key]}
        section(base).clear()
        section(base)["anyOf"] = [*alternatives, another]

    # A step without keys of its own is written as its name alone.
    section(Step)["anyOf"] += [{"enum": names(Step)}, OWN]
    training = sections["SRTraining"]["properties"]["losses"]
    _by_name(training, "loss", references[Loss], {n: references[find(Loss, n)] for n in names(Loss)})
    tables = section(Config)["properties"]["tables"]
    kinds = {entry: references[find(Table, kind)] for entry, kind in KINDS.items()}
    _by_name(tables, "table", references[Table], kinds)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "RecoSR's configuration",
        **section(Config),
        "$defs": {name: sections[name] for name in sorted(sections) if sections[name] is not section(Config)},
    }


def _as_written(section: Schema) -> None:
    """Change a section to what a file may hold: a part of its keys; in place of a section inside, nothing."""
    section.pop("required", None)
    section["description"] = section["description"].split("\n\n")[0]
    for key in section["properties"].values():
        key.pop("title", None)
        if "patternProperties" in key:
            key["additionalProperties"] = False
        if "$ref" in key:
            key |= _or_null({"$ref": key.pop("$ref")})


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, NULL]}


def _choice(known: Iterable[str]) -> Schema:
    return {"anyOf": [{"enum": sorted(known)}, OWN]}


def _by_name(entries: Schema, key: str, any_kind: Schema, kinds: dict[str, Schema]) -> None:
    """Entries whose name tells their kind, unless a key of theirs does."""
    told = {"allOf": [any_kind, {"required": [key]}]}
    entries["properties"] = {name: {"anyOf": [kind, told, NULL]} for name, kind in kinds.items()}


def schema_text() -> str:
    """The schema as the file has it."""
    return json.dumps(config_schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    TARGET.write_text(schema_text(), encoding="utf-8")
