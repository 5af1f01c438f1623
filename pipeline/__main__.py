"""Entry point of ``python -m pipeline``."""

import os
import sys
from pathlib import Path

# A job uses one core unless its stage sets more threads for torch: with one process per core this is
# faster, and sums do not depend on the number of cores. Libraries read these variables when they load.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Users' networks may be in the working folder. It comes last, so that files there hide no library.
sys.path.append(str(Path.cwd()))

if __name__ == "__main__":
    from pipeline.cli import main

    sys.exit(main())
