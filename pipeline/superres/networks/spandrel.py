"""Any image network that the package spandrel knows, recognised by the tensors of its checkpoint.

https://github.com/chaiNNer-org/spandrel has the architectures of some forty published networks (ESRGAN,
SwinIR, HAT, DAT, SPAN, ...) and tells from a checkpoint which one it belongs to. It is the optional extra
``recosr[spandrel]``, and is imported when such a network is made.

A network without weights has no layers yet: its model's ``weights``, or those of the model that its training
starts from (``init``), say what it is. Files are read as all other published ones (``weights/formats``):
nothing that they name is imported or called.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.superres.network import ImageNetwork, NetworkError
from pipeline.training.torchvision import import_torchvision
from pipeline.weights import WeightsError
from pipeline.weights.formats import Source

VERSION = "0.4.2"
"""The version that was tested."""

PREFERRED = ("params_ema", "params-ema", "params")
"""Of several sets in a file of BasicSR, the one that its own scripts take comes first."""


class Spandrel(ImageNetwork):
    """A network of spandrel's, with the layers that its checkpoint has.

    Args:
        scale: super-resolution factor that it must have.
    """

    from_file: ClassVar[bool] = True
    scales: ClassVar[tuple[int, ...]] = (2, 3, 4, 8)

    def __init__(self, scale: int = 4) -> None:
        super().__init__()
        load_package()
        self.scale = scale
        self.model: nn.Module | None = None
        self._described: Any = None

    def adopt(self, source: Source) -> str:
        """Become the network of a published file; returns the architecture's name.

        Raises:
            WeightsError: spandrel knows no such network, or it is none that makes RGB frames ``scale`` times
                as large.
        """
        for name in sorted(source.sets, key=_preference):
            state = _bare(source.sets[name])
            if self._known(state):
                return self._build(state, source.path)
        some = ", ".join(list(source.state)[:4])
        raise WeightsError(
            f"{source.path}: spandrel {VERSION} knows no network with such tensors ({some}, ...); it has "
            "image networks only: name a file of superres/networks or a class of yours"
        )

    def load_state_dict(self, state_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """As ``nn.Module``'s; a network without layers first gets those of the tensors."""
        if self.model is None:
            self._build(
                {key.removeprefix("model."): state_dict[key] for key in state_dict}, Path("checkpoint")
            )
        return super().load_state_dict(state_dict, *args, **kwargs)

    def super_resolve(self, lr: Tensor) -> Tensor:
        """Super-resolve (B, 3, h, w) to (B, 3, s h, s w); sides are padded as far as the network needs."""
        if self._described is None:
            raise NetworkError("network spandrel has no layers without weights; give weights, or init")
        height, width = lr.shape[-2:]
        right, below = self._described.size_requirements.get_padding(width, height)
        mode = "reflect" if right < width and below < height else "replicate"
        padded = F.pad(lr, (0, right, 0, below), mode) if right or below else lr
        # Not the descriptor's own call: it has no gradient, and clips.
        return self._described._call_fn(self.model, padded)[..., : height * self.scale, : width * self.scale]

    def _known(self, state: Mapping[str, Tensor]) -> bool:
        return any(support.detect(state) for support in load_package().MAIN_REGISTRY)

    def _build(self, state: Mapping[str, Tensor], path: Path) -> str:
        package = load_package()
        try:
            found = package.MAIN_REGISTRY.load(dict(state))
        except Exception as error:  # the architectures raise whatever they meet
            reason = " ".join(str(error).split()) or type(error).__name__
            raise WeightsError(f"{path}: spandrel cannot make a network of it ({reason[:200]})") from error
        name = found.architecture.name
        if not isinstance(found, package.ImageModelDescriptor) or found.purpose != "SR":
            kind = getattr(found, "purpose", type(found).__name__)
            raise WeightsError(f"{path}: {name} is a network for {kind}; expected one for super-resolution")
        if found.scale != self.scale:
            raise WeightsError(
                f"{path}: {name} of scale {found.scale}, but frames are super-resolved by {self.scale}; give "
                f"weights of scale {self.scale}"
            )
        if (found.input_channels, found.output_channels) != (3, 3):
            raise WeightsError(
                f"{path}: {name} with {found.input_channels} channels in and {found.output_channels} out; "
                "expected RGB, 3 and 3 (a network of luma alone, with 1 and 1, needs a class of its own)"
            )
        self.model, self._described = found.model, found
        return f"{name}, spandrel"


def load_package() -> ModuleType:
    """The package spandrel. Raises NetworkError if it is not installed."""
    try:
        import_torchvision()
        return importlib.import_module("spandrel")
    except ModuleNotFoundError as error:
        raise NetworkError(
            f"network spandrel needs the package {error.name}; run: pip install spandrel=={VERSION} "
            "(the extra `spandrel` of recosr)"
        ) from None


def _bare(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict without the prefixes that spandrel takes off."""
    canonicalize = importlib.import_module("spandrel").canonicalize_state_dict
    return canonicalize(dict(state))


def _preference(place: str) -> int:
    last = place.rpartition(".")[2]
    return PREFERRED.index(last) if last in PREFERRED else len(PREFERRED)
