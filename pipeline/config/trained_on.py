"""What recognisers are trained on: HR, LR, a row of Table 4, or a mixture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from pipeline.config.report import Method
from pipeline.config.section import Name, Section

HR, LR = "hr", "lr"


class Mixture(Section):
    """HR clips mixed with LR clips, as in figure 8."""

    mixture: Annotated[float, Field(ge=0, le=1)] = Field(
        description="ratio of the clips of each class that are LR, as enlarged by report.baseline: 0 to 1"
    )


TrainedOn = Name | Mixture
"""``hr``: HR; ``lr``: LR, as enlarged by the row ``report.baseline``; a row of ``methods``; or a mixture."""


def is_hr(trained_on: TrainedOn) -> bool:
    """Whether no clip is anything but HR."""
    return not trained_on.mixture if isinstance(trained_on, Mixture) else trained_on == HR


def variant_name(recognizer: str, trained_on: TrainedOn) -> str:
    """Name of a recogniser of Table 4 that is trained once more on something else; on HR its plain name."""
    if is_hr(trained_on):
        return recognizer
    if isinstance(trained_on, Mixture):
        return f"{recognizer}-mixed{100 * trained_on.mixture:g}"
    return f"{recognizer}-on-{trained_on}"


def trained_on_problem(
    key: str, trained_on: TrainedOn, methods: Mapping[str, Method], baseline: str
) -> str | None:
    """One line if there is no such row, or no row that provides LR; ``key`` is where it is asked for."""
    if isinstance(trained_on, Mixture) or trained_on == LR:
        row = methods.get(baseline)
        if row is None or row.model in (None, HR):
            known = [name for name, row in methods.items() if row.model not in (None, HR)]
            return (
                f"report.baseline: {baseline!r} is not a row with an SR model, but {key} trains on its "
                f"frames; known: {', '.join(known)}"
            )
    elif trained_on != HR and trained_on not in methods:
        return f"{key}: {trained_on!r} is not a row of methods; known: {HR}, {LR}, {', '.join(methods)}"
    return None
