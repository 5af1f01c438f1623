"""Run a benchmark by its name: ``python -m benchmarks NAME ...``; without a name, list them."""

from __future__ import annotations

import ast
import runpy
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def summaries() -> dict[str, str]:
    """First line of each benchmark's docstring, by name."""
    paths = sorted(path for path in FOLDER.glob("*.py") if not path.name.startswith("_"))
    parsed = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in paths}
    return {name: (ast.get_docstring(tree) or "").partition("\n")[0] for name, tree in parsed.items()}


def main(arguments: list[str]) -> int:
    """Run the benchmark that the first argument names, with the others."""
    known = summaries()
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: python -m benchmarks NAME [ARGUMENTS]\n")
        print("\n".join(f"  {name:20} {summary}" for name, summary in known.items()))
        return 0
    name, *others = arguments
    if name not in known:
        print(f"no benchmark {name!r}; known: {', '.join(known)}", file=sys.stderr)
        return 2
    sys.argv = [f"python -m benchmarks {name}", *others]
    runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
