"""envs/*.yaml, with the pins of requirements.lock: ``python -m tools.conda_envs``.

Snakemake copies an environment's file before conda reads it, so it cannot point to requirements.lock.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent

INDEXES = {"cpu": ["--extra-index-url https://download.pytorch.org/whl/cpu"], "gpu": []}
"""By the environment: options of pip. On Linux the default index has PyTorch with CUDA."""

TEXT = """# Made by `make docs` from requirements.lock, for `snakemake --sdm conda`.
channels:
  - conda-forge
dependencies:
  - python=3.11
  - pip
  - ffmpeg
  - cxx-compiler
  - pip:
"""


def conda_env(name: str) -> str:
    """The text of envs/NAME.yaml."""
    pins = (ROOT / "requirements.lock").read_text().splitlines()
    return TEXT + "".join(f"      - {line}\n" for line in [*INDEXES[name], *pins])


if __name__ == "__main__":
    for name in INDEXES:
        (ROOT / "envs" / f"{name}.yaml").write_text(conda_env(name))
