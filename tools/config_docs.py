"""Generates docs/config.md from the typed configuration: ``python -m tools.config_docs``."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from pipeline.config import Config
from pipeline.field_types import sections_in, type_name

TARGET = Path(__file__).parent.parent / "docs" / "config.md"
HEADER = """# Configuration

Generated from `pipeline/config/` by `make docs`; a test checks that it is up to date. Defaults are the values
of the paper or its authors; `config.yaml` (the demo) and the files in `config/` override them. An unknown
key stops the run before its first job.

Editors complete and check keys by `config/schema.json`, of the same model: `config/README.md` says how.

Give another file with `--configfile FILE`, single keys with `--config seed=2 data_root=/data`, targets
after `--`. Of several files a later one is laid over those before it: it adds and replaces keys, and
`NAME: null` takes a data set, model, recogniser or row out. An empty section has its defaults. A key that
stands twice in a map is refused.

**Paths.** Relative paths of data and weights start from `data_root`. A relative `data_root`, a relative
`output`, and data without `data_root` start from the working folder (that of `--directory`), never from the
folder of the configuration. `~`, `~user`, `$NAME` and `${NAME}` are expanded in every path; an unset variable
is an error; `$$` is a dollar sign. `output` must not contain braces, which Snakemake reads as wildcards.

**Security.** `package.module:Class` as a network runs that module's code, from the working folder or an
installed package. Treat a configuration like a program, and run only those that you trust.
"""


def config_markdown() -> str:
    """The reference of all keys: one table per section, in the order of the file."""
    return "\n".join([HEADER, *_sections("", Config)])


def _sections(key: str, model: type[BaseModel]) -> Iterator[str]:
    rows, nested = [], []
    for name, field in model.model_fields.items():
        rows.append(
            {
                "key": f"`{name}`",
                "type": type_name(field.annotation),
                "default": _default(field),
                "meaning": f"{field.description}{_limits(field.metadata)}",
            }
        )
        for sub, inner in sections_in(field.annotation):
            nested.append((f"{key}.{name}{sub}".strip("."), inner))
    yield f"## {f'`{key}`' if key else 'Top level'}\n"
    yield f"{inspect.getdoc(model)}\n"
    yield pd.DataFrame(rows).to_markdown(index=False) + "\n"
    for sub, inner in nested:
        yield from _sections(sub, inner)


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return "see below"
    assert value is not PydanticUndefined
    return f"`{json.dumps(value, default=str)}`"


def _limits(metadata: list[Any]) -> str:
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    limits = [f"{signs[n]} {getattr(m, n)}" for m in metadata for n in signs if hasattr(m, n)]
    patterns = [m.pattern for m in metadata if re.search("pattern", repr(m)) and getattr(m, "pattern", None)]
    return f" ({', '.join(limits + patterns)})" if limits or patterns else ""


if __name__ == "__main__":
    TARGET.write_text(config_markdown())
