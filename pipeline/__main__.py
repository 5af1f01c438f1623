"""Entry point of ``recosr`` and of ``python -m pipeline``."""

import os
import sys
from pathlib import Path


def main() -> int:
    """Run the command that the arguments name; its exit status."""
    # Here, because `recosr run` must not import what stages do: Snakemake takes the process over.
    from pipeline import command

    arguments = sys.argv[1:]
    if arguments and arguments[0] in command.COMMANDS:
        return command.COMMANDS[arguments[0]](arguments[1:])

    # A job computes on one core unless its stage asks torch for more: with one process a core this is
    # faster, and sums do not depend on the number of cores. Libraries read this when they are loaded.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

    # Networks of users may lie in the working folder; what lies there hides no library.
    sys.path.append(str(Path.cwd()))

    from pipeline.cli import main

    return main(arguments)


if __name__ == "__main__":
    sys.exit(main())
