"""A small finished experiment on disk, and the report page that is made of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from torch.utils.tensorboard import SummaryWriter

from pipeline.config.load import load_config
from pipeline.data.manifest import Clip, write_manifest
from pipeline.data.plan import ClipPlan, write_plan
from pipeline.experiment import Experiment
from pipeline.report.page.build import build_page, pack_page
from pipeline.report.page.clips import show_clips
from pipeline.report.page.request import BuildPage, ShowClips
from pipeline.superres.cost import measure_cost
from pipeline.superres.request import MeasureCost
from pipeline.training.log import log_folder
from pipeline.video.store import ShardWriter

HEIGHT, WIDTH, FRAMES = 48, 64, 6
CLASSES = ["bounce", "drift", "spin"]
# Which clips each row's streams get right: sosr alone recognises clip 1, tosr clip 4.
RIGHT = {
    "bicubic": {0},
    "sosr": {0, 1, 2},
    "tosr": {0, 2, 4},
    "hr": {0, 1, 2, 3, 4, 5},
}
ROWS = ["bicubic", "sosr", "tosr", "sosr_tosr", "hr"]
CAPTION = "Test data; nobody's numbers."


@dataclass(frozen=True)
class Page:
    """A page: its folder, the files beside it, and what it was made of."""

    folder: Path
    experiment: Experiment
    out: Path

    @property
    def index(self) -> Path:
        return self.folder / "index.html"

    @property
    def clips(self) -> Path:
        return self.folder / "clips" / "ucf_demo"


def experiment(root: Path, out: Path) -> Experiment:
    """A part of the micro experiment: a data set, a recogniser, five rows."""
    raw = yaml.safe_load((root / "tests/micro/config.yaml").read_text())
    raw["datasets"] = {"ucf_demo": raw["datasets"]["ucf_demo"]}
    raw["recognition"]["recognizers"] = {"tsn": raw["recognition"]["recognizers"]["tsn"]}
    raw["methods"] = {row: raw["methods"][row] for row in ROWS}
    raw["tables"] = {"pairings": None, "quality": None}
    del raw["quality"]
    raw["report"] = {"caption": CAPTION, "page": {"clips": 4}, "resamples": 99}
    return Experiment(load_config(raw | {"output": str(out)}, data_must_exist=False))


def picture(source: str, number: int) -> np.ndarray:
    """Frame of a source: a square that moves, in a colour of its own; LR at a fourth of the size."""
    scale = 4 if source == "lr" else 1
    colour = np.frombuffer(source.encode().ljust(3, b"a"), np.uint8)[:3]
    frame = np.full((HEIGHT // scale, WIDTH // scale, 3), colour, np.uint8)
    left = (8 + 4 * number) // scale
    frame[16 // scale : 32 // scale, left : left + 16 // scale] = 255 - colour
    return frame


def write_results(made: Experiment) -> list[Clip]:
    """Stores, scores and logs as the stages leave them; returns the clips."""
    files, out = made.files, Path(made.files.out)
    clips = [
        Clip(f"{name}/clip #{n}", f"{n}.avi", name, n % 3, "test", FRAMES, HEIGHT, WIDTH, 0)
        for n, name in enumerate(CLASSES * 2)
    ]
    data = out / "data" / "ucf_demo"
    data.mkdir(parents=True)
    write_manifest(data / "manifest.csv", clips)
    (out / "recognition" / "ucf_demo").mkdir(parents=True)
    numbers = list(range(FRAMES))
    write_plan(files.plan("ucf_demo", "test")[0], {c.id: ClipPlan(numbers[::2], numbers[:-1]) for c in clips})
    for source, path in zip(["lr", *made.rows.sources], files.shown_frames("ucf_demo"), strict=True):
        with ShardWriter(path) as writer:
            for clip in clips:
                writer.add(clip.id, [picture(source, n) for n in numbers])
    for path in files.shown_flow("ucf_demo"):
        with ShardWriter(path) as writer:
            for clip in clips:
                # Most motion in field 2.
                fields = [np.full((HEIGHT, WIDTH, 2), 128 + 20 * (n == 2), np.uint8) for n in numbers[:-1]]
                writer.add(clip.id, fields)
    for row, right in RIGHT.items():
        write_scores(made, row, clips, right)
    for _, _, weights in files.trainings():
        with SummaryWriter(str(log_folder(Path(weights)))) as writer:
            for step in (10, 20, 30):
                writer.add_scalar("loss/total", 1 / step, step)
    return clips


def write_scores(made: Experiment, row: str, clips: list[Clip], right: set[int]) -> None:
    """Scores of a row that pick the right class of some clips and the next class of the others."""
    (path,) = map(Path, made.files.scores([row], ["ucf_demo"], ["tsn"]))
    path.parent.mkdir(parents=True, exist_ok=True)
    picked = [c.label if n in right else (c.label + 1) % 3 for n, c in enumerate(clips)]
    values = np.eye(3, dtype=np.float32)[picked] * 3
    about = {"dataset": "ucf_demo", "recognizer": "tsn", "method": row}
    ids, labels = np.array([c.id for c in clips]), np.array([c.label for c in clips])
    np.savez(path, **about, clips=ids, labels=labels, spatial=values, temporal=values)


def write_tables(out: Path) -> list[Path]:
    """A table beside Table 4."""
    path = out / "tables" / "significance.csv"
    path.parent.mkdir()
    lines = ["dataset,first,second,p,beyond_noise", "UCF,SoSR,<b>HR</b>,0.25,False", "UCF,ToSR,HR,,True"]
    path.write_text("\n".join(lines) + "\n")
    text = ["# Differences", f"**{CAPTION}**", "What it says.", "## Part", "| a |"]
    path.with_suffix(".md").write_text("\n\n".join(text) + "\n")
    return [path]


def make_page(root: Path, out: Path) -> Page:
    """Write results, and make the page of them as the rules do."""
    made = experiment(root, out)
    write_results(made)
    files, asked = made.files, made.requests
    page = Page(out / "report", made, out)
    scores = [Path(p) for p in files.scores(made.config.methods, ["ucf_demo"], ["tsn"])]
    manifest = out / "data" / "ucf_demo" / "manifest.csv"
    show_clips(
        ShowClips.read(asked.show_clips("ucf_demo").text()),
        scores,
        manifest,
        Path(files.plan("ucf_demo", "test")[0]),
        [Path(p) for p in files.shown_frames("ucf_demo")],
        [Path(p) for p in files.shown_flow("ucf_demo")],
        page.clips,
    )
    costs = [out / "superres" / "cost" / f"{model}.json" for model in made.rows.super_resolved]
    for model, path in zip(made.rows.super_resolved, costs, strict=True):
        measure_cost(MeasureCost.read(asked.measure_cost(model).text()), path)
    request = BuildPage.read(asked.build_page().text())
    weights = [Path(weights) for _, _, weights in files.trainings()]
    provenance, assets = out / "provenance.json", page.folder / "assets"
    build_page(
        *[request, scores, [manifest], [page.clips], write_tables(out), costs, weights],
        *[provenance, assets, page.index],
    )
    pack_page([page.index, assets, page.clips], out / "report.zip")
    return page
