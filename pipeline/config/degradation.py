"""How LR frames are made of HR frames: a chain of steps, which are files in data/degradations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field

from pipeline.config.section import Section
from pipeline.plugins import files, named

if TYPE_CHECKING:
    import numpy as np

SEPARATOR = "@"
"""Between a model or row and a degradation in the names of files; configured names cannot have it."""


class Shot(NamedTuple):
    """The clip that is degraded.

    Attributes:
        clip: its identifier.
        scale: super-resolution factor.
        random: words that random numbers of this step depend on; empty for steps that do not draw any.
    """

    clip: str
    scale: int
    random: tuple[int, ...]


class Level(NamedTuple):
    """How strong a step is, for the axis of a figure: a name, such as "H.264 CRF", and a number."""

    name: str
    value: float


class Step(Section):
    """Base of all steps: a section of a chain that turns the frames of a clip into others of equal number.

    Frames are RGB uint8 (h, w, 3). Those of the step that ``shrinks`` become (h / scale, w / scale, 3); other
    steps keep the size.

    Attributes:
        shrinks: whether it down-samples by the scale; one step of a chain does.
        draws: whether it draws random numbers, so that the seed counts.
        encodes: whether it runs ffmpeg, so that the version of ffmpeg counts.
    """

    HOME: ClassVar[str] = "pipeline.data.degradations"
    shrinks: ClassVar[bool] = False
    draws: ClassVar[bool] = False
    encodes: ClassVar[bool] = False

    step: str = Field(
        description="a file in data/degradations, or package.module:Class; not needed beside a key of the "
        "same name"
    )

    def apply(self, frames: Iterator[np.ndarray], shot: Shot) -> Iterator[np.ndarray]:
        """The degraded frames, in order; a frame or two, never the clip, are held in memory."""
        raise NotImplementedError(f"{type(self).__name__} must define apply")

    def level(self) -> Level | None:
        """How strong it is; None if it has no strength."""
        return None

    def lacking(self) -> str | None:
        """Why this machine cannot apply it; None if it can. Asked before the first job."""
        return None


def _with_steps(value: Any) -> Any:
    """Steps by name, and sections of steps that a key names: ``bicubic``, ``{blur: 1.6, size: 13}``."""
    if not isinstance(value, list):
        return value
    known = files(Step.HOME)
    return [_with_step(item, known) for item in value]


def _with_step(item: Any, known: list[str]) -> Any:
    if isinstance(item, str):
        return {"step": item}
    if isinstance(item, dict) and "step" not in item:
        keys = [key for key in item if key in known]
        if len(keys) != 1:
            found = ", ".join(map(str, item)) or "no key"
            raise ValueError(f"a step is named by one of the keys {', '.join(known)}, found {found}")
        return {"step": keys[0], **item}
    return item


def _checked(chain: list[Step]) -> list[Step]:
    shrinking = [step.step for step in chain if step.shrinks]
    if len(shrinking) != 1:
        known = "area, bicubic, bilinear, nearest or subsample"
        found = " and ".join(shrinking) or "none"
        raise ValueError(f"exactly one step down-samples ({known}), found {found}")
    return chain


Chain = Annotated[
    list[Annotated[Step, *named(Step, "step")]], BeforeValidator(_with_steps), AfterValidator(_checked)
]
"""Steps from HR to LR, in order."""


def plain(chain: list[Step]) -> bool:
    """Whether a chain is the paper's: bicubic alone."""
    return [step.step for step in chain] == ["bicubic"]


def level_of(chain: list[Step]) -> Level | None:
    """How strong a chain is: the level of its last step that has one."""
    return next((level for step in reversed(chain) if (level := step.level())), None)


def chain_text(chain: list[Step]) -> str:
    """A chain in words, for tables: the values of its keys."""
    return ", ".join(
        " ".join([each.step, *(f"{key} {value}".strip() for key, value in _told(each).items())])
        for each in chain
    )


def _told(step: Step) -> dict[str, Any]:
    values = {key: value for key, value in step.model_dump(exclude={"step"}).items() if value is not None}
    if step.step in values:  # {codec: h264}: the key is the step's own name
        values = {"": values.pop(step.step)} | values
    return values
