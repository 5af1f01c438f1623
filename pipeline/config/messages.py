"""One readable line for each invalid value of the configuration."""

from __future__ import annotations

from typing import Any


def error_line(error: Any) -> str:
    """One line for an error of pydantic: key, problem, value found, hint."""
    parts = [str(part) for part in error["loc"]]
    key = ".".join(parts) or "config"
    found = error["input"]
    if error["type"] == "extra_forbidden":
        return f"{key}: unknown key; remove it or see docs/config.md for the known ones"
    if error["type"] == "missing":
        return f"{key}: missing; see docs/config.md, or config/own-data.yaml for a short complete example"
    if parts[-1:] == ["[key]"]:
        return (
            f"{'.'.join(parts[:-1])}: a name has lower-case letters, digits and _, and begins with a letter "
            "(its label may be any text)"
        )
    if found is None:
        return f"{key}: empty; give a value, or remove the key"
    line = (
        f"{key}: {error['msg']}, found {found!r}" if not isinstance(found, dict) else f"{key}: {error['msg']}"
    )
    return line + (f" ({hint})" if (hint := _yaml_hint(error)) else "")


def _yaml_hint(error: Any) -> str | None:
    """A hint if YAML probably read a value otherwise than its writer meant; else None."""
    found, kind, message = error["input"], error["type"], error["msg"]
    wants_number = "number" in message or "integer" in message
    if isinstance(found, bool):
        return "YAML reads yes, no, on, off as booleans: put text in quotes"
    if kind == "string_type" and isinstance(found, int | float):
        return "YAML reads it as a number: put it in quotes; on the command line, ./ before a path"
    if wants_number and isinstance(found, float) and found.is_integer():
        return f"write {int(found)}"
    if isinstance(found, str) and (number := _number(found)) is not None:
        shown = int(number) if "integer" in message and number.is_integer() else number
        if wants_number and found.strip("+-.0123456789"):
            return f"YAML reads {found} as text: write {shown!r} or put a dot in it, as in 1.0e-4"
        if wants_number or kind == "literal_error":
            return (
                f"text, not a number: write {shown!r} without quotes" if wants_number else "remove the quotes"
            )
    return None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
