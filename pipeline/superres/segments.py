"""How a clip is cut for networks that see whole clips (``ClipNetwork``). Needs no torch."""

from __future__ import annotations

from collections.abc import Iterator


def segments(
    numbers: list[int], length: int, segment: int, overlap: int
) -> Iterator[tuple[list[int], range]]:
    """Parts of a clip: the frames that are wanted of each, and those that are computed for them.

    Args:
        numbers: frames that are wanted, sorted.
        length: frames of the clip.
        segment: frames from the first to the last one that is wanted of a part, at most.
        overlap: frames that are computed before the first and after the last.
    """
    part: list[int] = []
    for number in [*numbers, None]:
        # Nearer frames share what is computed around them.
        if part and (number is None or number >= part[0] + segment or number > part[-1] + 2 * overlap):
            yield part, range(max(0, part[0] - overlap), min(length, part[-1] + overlap + 1))
            part = []
        if number is not None:
            part.append(number)
