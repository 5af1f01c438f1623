"""Entry point of ``python -m pipeline``."""

import os
import sys
from pathlib import Path

# A job computes on one core unless its stage asks torch for more: with one process a core this is
# faster, and sums do not depend on the number of cores. Libraries read this when they are loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Networks of users may lie in the working folder; what lies there hides no library.
sys.path.append(str(Path.cwd()))

if __name__ == "__main__":
    from pipeline.cli import main

    sys.exit(main())
