"""The tables beside Table 4, as their stages wrote them."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pandas as pd

DIGITS = 6


def tables(names: list[str], files: list[Path]) -> list[dict[str, Any]]:
    """Title, text, columns and lines of each table, and its picture if there is one.

    Args:
        names: their names.
        files: the CSV of each; beside it lie its Markdown and, for some, its picture.
    """
    return [_table(name, path) for name, path in zip(names, files, strict=True)]


def _table(name: str, path: Path) -> dict[str, Any]:
    title, text = _text(path.with_suffix(".md"))
    content = pd.read_csv(path)
    picture = path.with_suffix(".png")
    return {
        "name": name,
        "title": title,
        "text": text,
        "columns": list(content.columns),
        "lines": [[_value(cell) for cell in line] for line in content.itertuples(index=False)],
        "picture": _embedded(picture) if picture.is_file() else None,
    }


def _text(path: Path) -> tuple[str, list[str]]:
    """Title, and the paragraphs before the first table or section, without the sentence on all results."""
    title, *lines = path.read_text(encoding="utf-8").splitlines()
    paragraphs = []
    for line in lines:
        if line.startswith(("|", "#")):
            break
        if line.strip() and not line.startswith("**"):
            paragraphs.append(line.strip())
    return title.removeprefix("# "), paragraphs


def _value(cell: Any) -> Any:
    if isinstance(cell, float):
        return None if pd.isna(cell) else float(f"{cell:.{DIGITS}g}")
    return cell if isinstance(cell, str) else cell.item() if hasattr(cell, "item") else cell


def _embedded(picture: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(picture.read_bytes()).decode()
