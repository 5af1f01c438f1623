"""RecoSR: recognition-oriented video super-resolution. ``from pipeline import upscale`` (pipeline/api.py)."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.api import load_recognizer, load_sr, optical_flow, recognise, upscale

__all__ = ["load_recognizer", "load_sr", "optical_flow", "recognise", "upscale"]


def __getattr__(name: str) -> Any:
    # Planning a run imports this package, and must not import torch.
    if name in __all__:
        from pipeline import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
