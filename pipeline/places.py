"""Where the workflow lies: Snakefile, rules/, config.yaml, config/, profiles/, envs/."""

from pathlib import Path

PACKAGE = Path(__file__).parent

INSTALLED = PACKAGE / "workflow"
"""Where a wheel has it (pyproject.toml); a checkout has it beside the package."""

WORKFLOW = INSTALLED if INSTALLED.is_dir() else PACKAGE.parent
