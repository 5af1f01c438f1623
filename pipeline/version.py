"""The package's version, for pyproject.toml and for what a run records of itself."""

VERSION = "0.1.0"
