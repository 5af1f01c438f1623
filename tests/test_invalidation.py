"""Exact invalidation: which jobs a change of code or config starts again, by dry run on a finished run."""

import json
import re
from pathlib import Path

import pytest
import yaml
from workflow import Project

pytestmark = pytest.mark.slow

DATASETS = ("ucf_demo", "hmdb_demo")
STREAMS = {"tsn": ("spatial", "temporal"), "st_resnet": ("spatial", "temporal", "joint")}
MODELS = [
    "vdsr",
    "rcan",
    "srresnet",
    "srgan",
    "rrdb",
    "esrgan",
    "sosr",
    "spmc",
    "vsr_duf_16",
    "vsr_duf_52",
    "tosr",
]
ROWS = ["bicubic", "vdsr", "rcan", "srgan", "esrgan", "sosr", "spmc", "vsr_duf_16", "vsr_duf_52", "tosr"]
FOLLOWERS = {"srresnet": ["srgan"], "rrdb": ["esrgan", "sosr"], "esrgan": ["sosr"], "vsr_duf_16": ["tosr"]}
AGGREGATE = {"aggregate"}
PICTURED = {"bicubic", "sosr", "tosr", "hr"}


def job(rule: str, **wildcards: str) -> str:
    return " ".join([rule, *sorted(f"{k}={v}" for k, v in wildcards.items())])


def scores(*methods: str, datasets=DATASETS, recognizers=tuple(STREAMS)) -> set[str]:
    """Score jobs of some rows, and of the pairing where one of its rows is among them."""
    pairing = {"sosr_tosr"} if {"sosr", "tosr"} & set(methods) else set()
    found = {
        job("score_clips", dataset=d, method=m, recognizer=r, shard="0")
        for d in datasets
        for r in recognizers
        for m in {*methods, *pairing}
        # Late fusion needs no job of its own for a pairing.
        if not (m == "sosr_tosr" and r == "tsn")
    }
    return found | AGGREGATE


def inference(*rows: str, datasets=DATASETS) -> set[str]:
    """Everything from the super-resolved frames of some rows on."""
    return (
        {job("super_resolve", dataset=d, model=m, shard="0") for d in datasets for m in rows}
        | flow(*rows, datasets=datasets)
        | scores(*rows, datasets=datasets)
    )


def flow(*rows: str, datasets=DATASETS) -> set[str]:
    """Flow of some rows on the test clips, and the pictures of it."""
    fields = {
        job("extract_flow", dataset=d, source=m, split="test", shard="0") for d in datasets for m in rows
    }
    return fields | (pictures(datasets) if PICTURED & set(rows) else set())


def pictures(datasets=DATASETS) -> set[str]:
    return {job("draw_comparison", dataset=d) for d in datasets}


def trainings(*models: str) -> set[str]:
    """Trainings, those that start from them, and what their rows lead to."""
    models = {*models, *(f for m in models for f in FOLLOWERS.get(m, []))}
    return {job("train_sr", model=m) for m in models} | inference(*(m for m in models if m in ROWS))


def recognizers(*names: str, streams=None, datasets=DATASETS) -> set[str]:
    """Trainings of recognisers, the joint network after its streams, and all scores."""
    found = set()
    for name in names:
        chosen = streams or STREAMS[name]
        chosen = {*chosen, *(["joint"] if name == "st_resnet" else [])}
        found |= {
            job("train_recognizer", dataset=d, recognizer=name, stream=s) for d in datasets for s in chosen
        }
    return found | scores(*ROWS, "hr", "sosr_tosr", recognizers=names, datasets=datasets)


PATCHES = {job("crop_patches", kind=k) for k in ("sosr", "tosr")} | trainings(*MODELS)
TRAINING_FLOW = {job("extract_training_flow", engine="tvl1", gap="1", shard="0")} | PATCHES
TRAINING_FRAMES = {job("prepare_videos", shard="0")} | TRAINING_FLOW
EXTRACT_FLOW = (
    flow(*ROWS, "hr")
    | {job("extract_flow", dataset=d, source="hr", split="train", shard="0") for d in DATASETS}
    | recognizers(*STREAMS)
)
PLAN = {job("plan_frames", dataset=d) for d in DATASETS} | inference(*ROWS, "hr") - {
    job("super_resolve", dataset=d, model="hr", shard="0") for d in DATASETS
}
PREPARE = (
    {job("prepare_clips", dataset=d, split=s, shard="0") for d in DATASETS for s in ("train", "test")}
    | inference(*ROWS)
    | EXTRACT_FLOW
)
LISTING = (
    {job("list_clips", dataset=d) for d in DATASETS} | {"list_videos"} | PREPARE | PLAN | TRAINING_FRAMES
)
DEMO = {job("generate_demo", name=n) for n in (*DATASETS, "training_videos")} | LISTING

CODE = {
    "pipeline/data/demo/generate.py": DEMO,
    "pipeline/data/listing.py": LISTING,
    "pipeline/data/prepare.py": PREPARE | TRAINING_FRAMES,
    "pipeline/flow/extract.py": EXTRACT_FLOW,
    "pipeline/flow/extract_training.py": TRAINING_FLOW,
    "pipeline/flow/flownet2.py": set(),
    "pipeline/patches/crop.py": PATCHES,
    "pipeline/superres/training.py": trainings(*MODELS),
    "pipeline/superres/losses/warp.py": trainings("tosr"),
    "pipeline/superres/losses/adversarial.py": trainings("srgan", "esrgan", "sosr"),
    "pipeline/superres/networks/spmc.py": trainings("spmc"),
    "pipeline/superres/networks/vgg128.py": trainings("esrgan", "sosr"),
    "pipeline/superres/networks/rcan.py": trainings("rcan"),
    "pipeline/superres/inference.py": inference(*ROWS),
    "pipeline/recognition/plan.py": PLAN,
    "pipeline/recognition/training.py": recognizers(*STREAMS),
    "pipeline/recognition/networks/bn_inception.py": recognizers("tsn"),
    "pipeline/recognition/networks/st_resnet.py": recognizers("st_resnet", streams=("joint",)),
    "pipeline/recognition/scoring.py": scores(*ROWS, "hr", "sosr_tosr"),
    "pipeline/report/aggregate.py": AGGREGATE,
    "pipeline/report/picture.py": pictures(),
    "pipeline/cli.py": set(),
}

CONFIG = {
    "report.caption": ("Another sentence.", AGGREGATE),
    "methods.tosr.label": ("Temporal SR", AGGREGATE | pictures()),
    "superres.models.tosr.training.losses.warp.sr": (0.5, trainings("tosr")),
    "superres.models.rrdb.training.lr": (0.002, trainings("rrdb")),
    "superres.batch_pixels": (1_000_000, inference(*ROWS)),
    "patches.pair_gap": (
        2,
        {
            job("extract_training_flow", engine="tvl1", gap="2", shard="0"),
            job("crop_patches", kind="tosr"),
            *trainings("spmc", "vsr_duf_16", "vsr_duf_52"),
        },
    ),
    "recognition.recognizers.tsn.fusion": ([1.0, 2.0], AGGREGATE),
    "recognition.recognizers.tsn.test_crops": (1, scores(*ROWS, "hr", recognizers=("tsn",))),
    "recognition.recognizers.tsn.temporal.lr": (0.011, recognizers("tsn", streams=("temporal",))),
    "recognition.recognizers.st_resnet.spatial.lr": (0.011, recognizers("st_resnet", streams=("spatial",))),
    "recognition.recognizers.tsn.spatial.per_dataset": (
        {"ucf_demo": {"lr": 0.5}},
        recognizers("tsn", streams=("spatial",), datasets=("ucf_demo",)),
    ),
    "flow.flownet2": ({"weights": None}, set()),
}


@pytest.fixture(scope="module")
def finished(root, tmp_path_factory, micro_run, micro_table, micro_project):
    """The shared micro project and its finished run; each test puts back what it changed."""
    return micro_project, micro_table.parent


def planned(project: Project, output: Path, config: str = "tests/micro/config.yaml") -> set[str]:
    # The table of a run, with no other target, whatever its time stamps say.
    return project.planned(
        *["--configfile", config, "--config", f"output={output}"], "--", f"{output}/table4.csv", "figures"
    )


@pytest.mark.parametrize("module", CODE)
def test_changed_code_reruns_its_stage_and_followers_alone(finished, module):
    project, output = finished
    path = project.folder / module
    before = path.read_text()
    try:
        path.write_text(before + "\nCHANGED = True\n")
        assert planned(project, output) == CODE[module]
    finally:
        path.write_text(before)


def test_comments_and_formatting_rerun_nothing(finished):
    project, output = finished
    before = {path: path.read_text() for path in (project.folder / "pipeline").rglob("*.py")}
    try:
        for path, text in before.items():
            path.write_text("# A comment.\n\n" + re.sub(r"\n\n\n", "\n\n\n\n", text) + "\n# Another.\n")
        assert planned(project, output) == set()
    finally:
        for path, text in before.items():
            path.write_text(text)


@pytest.mark.parametrize("key", CONFIG)
def test_a_config_key_reruns_the_stages_that_read_it_alone(finished, key):
    project, output = finished
    value, expected = CONFIG[key]
    config = yaml.safe_load((project.folder / "tests/micro/config.yaml").read_text())
    config = json.loads(json.dumps(config))  # YAML's aliases are one object: a change would show in all
    *sections, last = key.split(".")
    section = config
    for name in sections:
        section = section.setdefault(name, {})
    assert section.get(last) != value
    section[last] = value
    path = project.folder / "tests/micro/changed.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    assert planned(project, output, "tests/micro/changed.yaml") == expected


def test_every_rule_is_covered(finished):
    covered = {name.split()[0] for jobs in CODE.values() for name in jobs}
    rules = {
        r
        for p in (finished[0].folder / "rules").glob("*.smk")
        for r in re.findall(r"^rule (\w+):", p.read_text(), re.M)
    }
    # A target of its own, without a command; and archives, which the demo has none of (tests/test_paper.py).
    assert covered == rules - {"figures", "unpack_archive"}
