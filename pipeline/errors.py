"""Base classes of the pipeline's own errors."""

from __future__ import annotations

from pathlib import Path


class PipelineError(Exception):
    """Input, configuration or data cannot be used; the message says what to do."""


class DamagedError(PipelineError):
    """A file can no longer be read as it was written; ``reason`` is an exception or a text."""

    def __init__(
        self, path: Path | str, reason: object, remedy: str = "delete it, and the next run makes it again"
    ) -> None:
        text = str(reason).strip().split("\n")[0]
        if isinstance(reason, Exception):
            text = f"{type(reason).__name__}: {text}"
        super().__init__(f"{path} is damaged ({text}); {remedy}")
