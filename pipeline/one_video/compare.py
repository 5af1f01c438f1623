"""The command ``compare``: a page that shows a video beside its super-resolved versions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jinja2
import numpy as np

from pipeline.errors import PipelineError
from pipeline.files import atomic_folder, write_whole
from pipeline.one_video.choice import Run, SRChoice
from pipeline.one_video.options import add_machine, add_run, parser
from pipeline.one_video.source import Size, StreamedFrames, measure
from pipeline.one_video.superres import SR, enlarged, loaded, super_resolved_frames
from pipeline.one_video.upscale import with_progress
from pipeline.video.clock import Clock
from pipeline.video.frames import read_frames
from pipeline.video.timed import write_timed

ABOUT = """Write a page that shows a video as it is, by bicubic interpolation, and super-resolved.

OUT_FOLDER/index.html opens from the disk in any browser, without a network: two versions at a time with a
slider between them, in step, frame by frame if you like. The videos (H.264, with the original's times) lie
beside it."""

EXAMPLES = """examples:
  {program} compare in.mp4 page --method tosr
  {program} compare in.mp4 page --method sosr --method tosr --configfile c.yaml"""

TEMPLATE = Path(__file__).with_name("compare.html.j2")


class CompareError(PipelineError):
    """The folder of the page exists."""


class Version(NamedTuple):
    """A version of the video on the page: its file and its name."""

    file: str
    label: str


def parse(arguments: list[str]) -> partial[None]:
    """The call that the arguments ask for. Raises ChoiceError."""
    options = parser("compare", ABOUT, EXAMPLES)
    options.add_argument("video", type=Path, metavar="VIDEO", help="low-resolution video")
    options.add_argument("out", type=Path, metavar="OUT_FOLDER", help="folder of the page, new")
    options.add_argument(
        "--method",
        action="append",
        required=True,
        metavar="NAME",
        help="row or model of the configuration, such as tosr; may be given several times",
    )
    add_run(options)
    add_machine(options)
    given = options.parse_args(arguments)
    run = Run(given.configfile)
    choices = [run.sr(method, given.device, given.threads) for method in dict.fromkeys(given.method)]
    return partial(compare_video, video=given.video, out=given.out, choices=choices)


def compare_video(video: Path, out: Path, choices: list[SRChoice]) -> None:
    """Write a page with the video, its bicubic and its super-resolved versions.

    Args:
        video: the LR video.
        out: folder to write; it appears when it is complete.
        choices: networks and their weights.

    Raises:
        CompareError: the folder has content.
        VideoError: the video cannot be read.
        CheckpointError, WeightsError: weights do not fit the network.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise CompareError(f"{out}: exists; give the name of a new folder, or remove it")
    size, clock = measure(video)
    scale = choices[0].request.scale  # one configuration, one scale
    with ExitStack() as stack:
        makers: dict[Version, Callable[[], Iterator[np.ndarray]]] = {
            Version("lr.mp4", "Low resolution"): partial(_repeated, video, scale),
            Version("bicubic.mp4", "Bicubic"): partial(_bicubic, video, scale),
        }
        for number, choice in enumerate(choices, 1):
            sr = stack.enter_context(loaded(choice))
            makers[Version(f"sr{number}.mp4", sr.label)] = partial(_super_resolved, sr, video, size)
        with atomic_folder(out) as folder:
            for version, make in makers.items():
                frames = with_progress(make(), size.frames, f"{video.name} {version.label}")
                write_timed(folder / version.file, frames, clock, crf=14)
            write_whole(folder / "index.html", page(video.name, size, scale, clock, list(makers)).encode())
    print(f"{out / 'index.html'}: open it in a browser")


def _repeated(video: Path, scale: int) -> Iterator[np.ndarray]:
    """LR pixels as squares."""
    for frame in read_frames(video):
        yield frame.repeat(scale, axis=0).repeat(scale, axis=1)


def _bicubic(video: Path, scale: int) -> Iterator[np.ndarray]:
    return (enlarged(frame, scale) for frame in read_frames(video))


def _super_resolved(sr: SR, video: Path, size: Size) -> Iterator[np.ndarray]:
    return super_resolved_frames(sr, StreamedFrames(read_frames(video)), size, name=str(video))


def page(name: str, size: Size, scale: int, clock: Clock, versions: list[Version]) -> str:
    """The page's HTML; it refers to nothing but the versions' files."""
    seconds = clock.seconds
    template = jinja2.Template(TEMPLATE.read_text(encoding="utf-8"), autoescape=True)
    return template.render(
        name=name,
        versions=versions,
        width=size.width * scale,
        height=size.height * scale,
        aspect=float(size.width * clock.shape / size.height),
        seconds=[second - seconds[0] for second in seconds],
        lr=f"{size.width}x{size.height}",
        frames=size.frames,
    )
