"""The command ``recognise``: the action that a video shows, with and without super-resolution."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
from tabulate import tabulate

from pipeline.one_video.choice import DeviceName, Run
from pipeline.one_video.options import add_machine, add_run, parser
from pipeline.one_video.recognition import LoadedRecognizer, MakeFrames, load_from_run, score_video, shares
from pipeline.one_video.source import Size, StreamedFrames, measure
from pipeline.one_video.superres import enlarged, loaded, super_resolved_frames
from pipeline.video.frames import read_frames
from pipeline.video.resize import imresize

ABOUT = """Say which action a video shows: the five best classes of each stream and of their fusion.

The video counts as low-resolution: it is enlarged by the configuration's scale, by bicubic interpolation and
by --method, and both versions are scored, as in a run. With --hr it counts as high-resolution: it is scored
as it is, and after down-sampling, enlarged again in both ways. Only the frames that the recogniser reads are
made.

The numbers are the softmax of the scores in percent: how far ahead a class is, not how sure it is."""

EXAMPLES = """examples, after a run of the demo, or of your own configuration:
  {program} recognise in.mp4 --recognizer tsn --dataset ucf_demo
  {program} recognise in.mp4 --recognizer tsn --dataset ucf_demo --method sosr+tosr
  {program} recognise in.avi --hr --method tosr --configfile c.yaml"""

BEST = 5
"""Classes that are shown."""


def parse(arguments: list[str]) -> partial[None]:
    """The call that the arguments ask for."""
    options = parser("recognise", ABOUT, EXAMPLES)
    options.add_argument("video", type=Path, metavar="VIDEO", help="a clip that shows one action")
    options.add_argument(
        "--recognizer", metavar="NAME", help="recogniser of the configuration; default: the only one"
    )
    options.add_argument(
        "--dataset", metavar="NAME", help="data set that it was trained on; default: the only one"
    )
    options.add_argument(
        "--method", metavar="NAME", help="row or model, or FRAMES+FLOW of two; default: none"
    )
    options.add_argument("--hr", action="store_true", help="the video is high-resolution")
    add_run(options)
    add_machine(options)
    given = options.parse_args(arguments)
    names = ("video", "recognizer", "dataset", "method", "hr", "configfile", "device", "threads")
    return partial(recognise_video, **{name: getattr(given, name) for name in names})


def recognise_video(
    video: Path,
    recognizer: str | None = None,
    dataset: str | None = None,
    method: str | None = None,
    hr: bool = False,
    configfile: Path | None = None,
    device: DeviceName | None = None,
    threads: int | None = None,
) -> None:
    """Print the best classes of a video, of each version of its frames.

    Args:
        video: the clip.
        recognizer, dataset: names in the configuration; None: the only one.
        method: row or model that super-resolves, or "FRAMES+FLOW"; None: only bicubic.
        hr: score the video itself, and super-resolve it after down-sampling.
        configfile: configuration whose run trained the weights.
        device, threads: what computes.

    Raises:
        ChoiceError: there is no such name, or no weights of it.
        VideoError: the video cannot be read.
    """
    run = Run(configfile)
    sources = run.sources(method) if method else None
    chosen = {
        name: run.model(name, device=device, threads=threads) for name in dict.fromkeys((sources or ())[1:])
    }
    loaded_recognizer = load_from_run(run, recognizer, dataset, device, threads)
    size, _ = measure(video)
    scale = run.config.scale
    if hr:
        size = Size(size.frames, size.height // scale, size.width // scale)
    low = partial(_lr_frames, video, size, scale if hr else None)
    found: dict[str, dict[str, np.ndarray]] = {}
    if hr:
        found["as it is"] = score_video(
            loaded_recognizer, size.frames, partial(_chosen, partial(read_frames, video))
        )
    found["Bicubic"] = score_video(
        loaded_recognizer,
        size.frames,
        lambda numbers: (enlarged(frame, scale) for frame in _chosen(low, numbers)),
    )
    if sources:
        with ExitStack() as stack:
            made: dict[str, MakeFrames] = {}
            for name, choice in chosen.items():
                sr = stack.enter_context(loaded(choice))
                made[name] = lambda numbers, sr=sr: super_resolved_frames(  # type: ignore[misc]
                    sr, StreamedFrames(low()), size, numbers, str(video)
                )
            spatial, temporal = made[sources.spatial], made[sources.temporal]
            found[sources.label] = score_video(
                loaded_recognizer, size.frames, spatial, None if spatial is temporal else temporal
            )
    print(table(loaded_recognizer, found))


def _lr_frames(video: Path, size: Size, scale: int | None) -> Iterator[np.ndarray]:
    frames = read_frames(video)
    if scale is None:
        return frames
    # As data sets are prepared: cropped to a multiple of the factor.
    height, width = size.height * scale, size.width * scale
    return (imresize(frame[:height, :width], size.height, size.width) for frame in frames)


def _chosen(frames: partial[Iterator[np.ndarray]], numbers: list[int]) -> Iterator[np.ndarray]:
    """Some frames of a video, ascending."""
    wanted = set(numbers)
    return (frame for number, frame in enumerate(frames()) if number in wanted)


def table(recognizer: LoadedRecognizer, found: dict[str, dict[str, np.ndarray]]) -> str:
    """A table for each column: the best classes of each version, with their shares in percent."""
    parts = []
    for column in recognizer.columns:
        lines = {}
        for version, scores in found.items():
            share = shares(scores[column.name])
            best = np.argsort(-share, kind="stable")[:BEST]
            lines[version] = [f"{recognizer.classes[label]} {100 * share[label]:.1f}" for label in best]
        title = f"{recognizer.label}, {column.name}"
        parts.append(f"{title}\n{tabulate(lines, headers='keys', showindex=False)}")
    return "\n\n".join(parts)
