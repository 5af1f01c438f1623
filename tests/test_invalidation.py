"""Exact invalidation: which jobs a change of code or config reruns, by dry run on a finished run."""

import json
import os
import re
from itertools import permutations
from pathlib import Path

import pytest
import yaml
from workflow import Project

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("invalidation")]

DATASETS = ("ucf_demo", "hmdb_demo")
STREAMS = {"tsn": ("spatial", "temporal"), "st_resnet": ("spatial", "temporal", "joint")}
ABLATED = {"vdsr_wmse": "spatial", "vdsr_warp": "temporal"}  # models of tables 2 and 3 that are no rows
ROWS = ["bicubic", "vdsr", "rcan", "srgan", "esrgan", "sosr", "spmc", "vsr_duf_16", "vsr_duf_52", "tosr"]
MODELS = [*ROWS[1:], "srresnet", "rrdb", *ABLATED]
FOLLOWERS = {
    "srresnet": ["srgan"],
    "rrdb": ["esrgan", "sosr"],
    "esrgan": ["sosr"],
    "vsr_duf_16": ["tosr"],
    "vdsr": ["vdsr_warp"],
}
AGGREGATE = {"aggregate"}
PICTURED = {"bicubic", "sosr", "tosr", "hr"}
MIXED = "tsn-mixed100"
# What the demo has none of: archives (tests/test_paper.py), clips of other tools (tests/test_frames_rows.py).
NOT_RUN = {
    "unpack_archive",
    "check_frames",
    "import_frames",
    "degrade_frames",
    "prepare_native_clips",
    # The report page, which is made of what is tried here: tests/report/test_page.py.
    "show_clips",
    "measure_cost",
    "build_page",
    "pack_page",
}
PAIRED = ["sosr", "tosr"]


def job(rule: str, **wildcards: str) -> str:
    return " ".join([rule, *sorted(f"{k}={v}" for k, v in wildcards.items())])


# Tables of HMDB with TSN, and the rows whose scores they read.
CLASSES, LOSSES, WARP, MIXTURES, PAIRINGS, QUALITY, SIGNIFICANCE = (
    job("tabulate", table=name)
    for name in ("table1", "table2", "table3", "figure8", "pairings", "quality", "significance")
)
DRAWN = job("draw_table", table="figure8")
TABLES = {
    CLASSES: {"hr", "bicubic", "vdsr"},
    LOSSES: {"vdsr", "vdsr_wmse", "sosr"},
    WARP: {"vdsr", "vdsr_warp", "vsr_duf_16", "tosr"},
    MIXTURES: {"hr", "bicubic", "sosr", "tosr"},
    DRAWN: {"hr", "bicubic", "sosr", "tosr"},
}
WHOLE = {SIGNIFICANCE, PAIRINGS}


def scores(*methods: str, datasets=DATASETS, recognizers=tuple(STREAMS)) -> set[str]:
    """Score jobs of some rows, and of the pairing where one of its rows is among them, and their tables."""
    pairing = {"sosr_tosr"} if {"sosr", "tosr"} & set(methods) else set()
    found = {
        job("score_clips", dataset=d, method=m, recognizer=r, shard="0")
        for d in datasets
        for r in recognizers
        for m in {*methods, *pairing} - set(ABLATED)
        # Late fusion needs no job of its own for a pairing.
        if not (m == "sosr_tosr" and r == "tsn")
    }
    if "st_resnet" in recognizers:
        found |= {
            job("score_pair", dataset=d, pair=f"{a}+{b}", recognizer="st_resnet")
            for d in datasets
            for a, b in permutations(PAIRED, 2)
            if {a, b} & set(methods) and (a, b) != ("sosr", "tosr")
        }
    if found:
        found |= AGGREGATE | WHOLE
    if "hmdb_demo" in datasets and "tsn" in recognizers:
        found |= {score_hmdb(m, "tsn") for m in set(methods) & set(ABLATED)}
        found |= {table for table, rows in TABLES.items() if rows & set(methods)}
    return found


def score_hmdb(method: str, recognizer: str) -> str:
    return job("score_clips", dataset="hmdb_demo", method=method, recognizer=recognizer, shard="0")


def mixed_scores(*methods: str) -> set[str]:
    """Scores of figure 8's mixture on some rows."""
    tested = {"hr", "bicubic"} & set(methods) | ({"sosr_tosr"} if {"sosr", "tosr"} & set(methods) else set())
    return {score_hmdb(m, MIXED) for m in tested} | ({MIXTURES, DRAWN} if tested else set())


def mixed(*streams: str) -> set[str]:
    """Trainings of figure 8's mixture and what it scores."""
    about = {"dataset": "hmdb_demo", "recognizer": MIXED}
    return {job("train_recognizer", **about, stream=s) for s in streams} | mixed_scores(
        "hr", "bicubic", "sosr"
    )


def quality(*rows: str) -> set[str]:
    """Quality of some rows on HMDB."""
    found = {job("measure_quality", dataset="hmdb_demo", model=m, shard="0") for m in set(rows) & set(ROWS)}
    return found | {QUALITY} if found else found


def inference(*rows: str, datasets=DATASETS) -> set[str]:
    """Everything from the super-resolved frames of some rows on."""
    return (
        {
            job("super_resolve", dataset=d, model=m, split="test", shard="0")
            for d in datasets
            for m in rows
            if m not in ABLATED or d == "hmdb_demo"
        }
        | flow(*rows, datasets=datasets)
        | scores(*rows, datasets=datasets)
        | mixed_scores(*rows)
    )


def flow(*rows: str, datasets=DATASETS) -> set[str]:
    """Flow of some rows on the test clips, the pictures of it, and its quality."""
    fields = {
        job("extract_flow", dataset=d, source=m, split="test", shard="0")
        for d in datasets
        for m in rows
        if m not in ABLATED or (d == "hmdb_demo" and ABLATED[m] == "temporal")
    }
    # HR's is what the others' is measured against.
    return (
        fields
        | quality(*(ROWS if "hr" in rows else rows))
        | (pictures(datasets) if PICTURED & set(rows) else set())
    )


def pictures(datasets=DATASETS) -> set[str]:
    return {job("draw_comparison", dataset=d) for d in datasets}


def trainings(*models: str) -> set[str]:
    """Trainings, those that start from them, and what their rows lead to."""
    models = {*models, *(f for m in models for f in FOLLOWERS.get(m, []))}
    return {job("train_sr", model=m) for m in models} | inference(
        *(m for m in models if m in {*ROWS, *ABLATED})
    )


def recognizers(*names: str, streams=None, datasets=DATASETS) -> set[str]:
    """Trainings of recognisers, the joint network after its streams, and all scores."""
    found = set()
    for name in names:
        chosen = streams or STREAMS[name]
        chosen = {*chosen, *(["joint"] if name == "st_resnet" else [])}
        found |= {
            job("train_recognizer", dataset=d, recognizer=name, stream=s) for d in datasets for s in chosen
        }
        if name == "tsn" and "hmdb_demo" in datasets:
            found |= mixed(*chosen)
            found |= scores(*(m for m, s in ABLATED.items() if s in chosen), recognizers=["tsn"])
    return found | scores(*ROWS, "hr", "sosr_tosr", recognizers=names, datasets=datasets)


LOW_FLOW = {job("extract_flow", dataset="hmdb_demo", source="bicubic", split="train", shard="0")} | mixed(
    *STREAMS["tsn"]
)
LOW = {job("super_resolve", dataset="hmdb_demo", model="bicubic", split="train", shard="0")} | LOW_FLOW
PATCHES = {job("crop_patches", kind=k) for k in ("sosr", "tosr")} | trainings(*MODELS)
TRAINING_FLOW = {job("extract_training_flow", engine="tvl1", gap="1", shard="0")} | PATCHES
TRAINING_FRAMES = {job("prepare_videos", shard="0")} | TRAINING_FLOW
EXTRACT_FLOW = (
    flow(*ROWS, *ABLATED, "hr")
    | {job("extract_flow", dataset=d, source="hr", split="train", shard="0") for d in DATASETS}
    | recognizers(*STREAMS)
    | LOW_FLOW
)
PLAN = {job("plan_frames", dataset=d) for d in DATASETS} | inference(*ROWS, *ABLATED, "hr") - {
    job("super_resolve", dataset=d, model="hr", split="test", shard="0") for d in DATASETS
}
PREPARE = (
    {job("prepare_clips", dataset=d, split=s, shard="0") for d in DATASETS for s in ("train", "test")}
    | inference(*ROWS, *ABLATED)
    | EXTRACT_FLOW
    | LOW
)
LISTING = (
    {job("list_clips", dataset=d) for d in DATASETS} | {"list_videos"} | PREPARE | PLAN | TRAINING_FRAMES
)
DEMO = {job("generate_demo", name=n) for n in (*DATASETS, "training_videos")} | LISTING
REPORT = AGGREGATE | WHOLE | set(TABLES) | {QUALITY}

CHECKPOINTS = trainings(*MODELS) | inference("bicubic") | LOW | recognizers(*STREAMS)

CODE = {
    "pipeline/data/demo/generate.py": DEMO,
    "pipeline/data/listing.py": LISTING,
    "pipeline/data/prepare.py": PREPARE | TRAINING_FRAMES,
    "pipeline/data/degradations/bicubic.py": PREPARE | TRAINING_FRAMES,
    "pipeline/data/degradations/codec.py": set(),
    "pipeline/flow/extract.py": EXTRACT_FLOW,
    "pipeline/flow/extract_training.py": TRAINING_FLOW,
    "pipeline/flow/flownet2.py": set(),
    "pipeline/flow/flownet_networks.py": set(),
    "pipeline/patches/crop.py": PATCHES,
    "pipeline/training/log.py": trainings(*MODELS) | recognizers(*STREAMS),
    "pipeline/training/descent.py": trainings(*MODELS) | recognizers(*STREAMS),
    "pipeline/superres/training.py": trainings(*MODELS),
    "pipeline/superres/losses/warp.py": trainings("tosr", "vdsr_warp"),
    "pipeline/superres/losses/motion.py": trainings("spmc"),
    "pipeline/superres/losses/adversarial.py": trainings("srgan", "esrgan", "sosr"),
    "pipeline/superres/networks/spmc.py": trainings("spmc"),
    "pipeline/superres/losses/pixel.py": trainings(*MODELS),
    "pipeline/superres/losses/feature.py": trainings("srgan", "esrgan", "sosr"),
    "pipeline/superres/discriminator.py": trainings("srgan", "esrgan", "sosr"),
    "pipeline/superres/discriminators/vgg128.py": trainings("esrgan", "sosr"),
    "pipeline/superres/network.py": trainings(*MODELS) | inference("bicubic") | LOW,
    "pipeline/superres/networks/rcan.py": trainings("rcan"),
    "pipeline/superres/inference.py": inference(*ROWS, *ABLATED) | LOW,
    "pipeline/recognition/plan.py": PLAN,
    "pipeline/recognition/protocols/tsn.py": PLAN | recognizers("tsn"),
    "pipeline/recognition/protocols/st_resnet.py": PLAN | recognizers("st_resnet"),
    "pipeline/recognition/training.py": recognizers(*STREAMS),
    "pipeline/recognition/optimisation.py": recognizers(*STREAMS),
    "pipeline/recognition/networks/bn_inception.py": recognizers("tsn"),
    "pipeline/recognition/joint_networks/st_resnet.py": recognizers("st_resnet", streams=("joint",)),
    "pipeline/recognition/mixtures.py": recognizers(*STREAMS),
    "pipeline/recognition/protocols/clip.py": set(),
    "pipeline/recognition/networks/r2plus1d_18.py": set(),
    "pipeline/recognition/scoring.py": scores(*ROWS, *ABLATED, "hr", "sosr_tosr")
    | mixed_scores("hr", "bicubic", "sosr"),
    "pipeline/quality/measure.py": quality(*ROWS),
    "pipeline/report/aggregate.py": AGGREGATE,
    "pipeline/report/significance.py": AGGREGATE | {SIGNIFICANCE, LOSSES, WARP},
    "pipeline/report/tabulate.py": WHOLE | set(TABLES) | {QUALITY},
    "pipeline/report/tables/significance.py": {SIGNIFICANCE},
    "pipeline/report/tables/per_class.py": {CLASSES},
    "pipeline/report/tables/ablation.py": {LOSSES, WARP},
    "pipeline/report/tables/pairings.py": {PAIRINGS},
    "pipeline/report/tables/mixtures.py": {MIXTURES, DRAWN},
    "pipeline/report/tables/protocols.py": set(),
    "pipeline/report/tables/quality.py": {QUALITY},
    "pipeline/report/picture.py": pictures(),
    "pipeline/weights/checkpoint.py": CHECKPOINTS,
    "pipeline/weights/description.py": CHECKPOINTS,
    "pipeline/weights/provenance.py": recognizers(*STREAMS),
    "pipeline/weights/published.py": set(),
    "pipeline/weights/pickles.py": set(),
    "pipeline/import_weights.py": set(),
    "pipeline/cli.py": set(),
    "pipeline/config/load.py": set(),
    "pipeline/provenance.py": set(),
    "pipeline/environment.py": set(),
    "pipeline/version.py": set(),
    "pipeline/report/made_by.py": AGGREGATE,
    "pipeline/preflight/report.py": set(),
}

CONFIG = {
    "training_videos.size": ("by_height", {"list_videos"} | TRAINING_FRAMES),
    "degradation": ([{"blur": 1.6, "size": 13}, "subsample"], PREPARE | TRAINING_FRAMES),
    "degradations": ({"strong": ["bicubic", {"jpeg": 20}]}, set()),
    "training_videos.listed": ("cdvl134", {"list_videos"} | TRAINING_FRAMES),
    "report.caption": ("Another sentence.", REPORT),
    # Figure 8 then mixes in what VDSR enlarged.
    "report.baseline": (
        "vdsr",
        AGGREGATE
        | {CLASSES, job("super_resolve", dataset="hmdb_demo", model="vdsr", split="train", shard="0")}
        | {job("extract_flow", dataset="hmdb_demo", source="vdsr", split="train", shard="0")}
        | mixed("spatial", "temporal"),
    ),
    "report.resamples": (99, {SIGNIFICANCE}),
    "tables.table1.shown": (2, {CLASSES}),
    "tables.table3.rows": ([{"label": "VDSR", "model": "vdsr"}], {WARP}),
    "tables.figure8.rows": (["hr", "sosr"], {MIXTURES, DRAWN, score_hmdb("sosr", MIXED)}),
    # Pairs with HR are scored, the others stay.
    "tables.pairings.joint": (
        [*PAIRED, "hr"],
        {PAIRINGS}
        | {
            job("score_pair", dataset=d, pair=pair, recognizer="st_resnet")
            for d in DATASETS
            for row in PAIRED
            for pair in (f"{row}+hr", f"hr+{row}")
        },
    ),
    "quality.border": (0, quality(*ROWS)),
    "methods.tosr.label": ("Temporal SR", AGGREGATE | WHOLE | {MIXTURES, DRAWN, QUALITY} | pictures()),
    "superres.models.tosr.training.losses.warp.sr": (0.5, trainings("tosr")),
    "superres.models.tosr.training.losses.warp.outside": ("border", trainings("tosr")),
    "superres.models.tosr.training.augment": (True, trainings("tosr")),
    "superres.models.esrgan.training.losses.adversarial.detached_means": (True, trainings("esrgan")),
    "superres.models.spmc.training.losses.motion.weight": (0.5, trainings("spmc")),
    "superres.models.rcan.training.frozen": (["head."], trainings("rcan")),
    "superres.models.rrdb.training.lr": (0.002, trainings("rrdb")),
    # Only losses that compare features read it.
    "superres.feature_network": (
        {"network": "vgg19", "weights": "missing.pth"},
        trainings("srgan", "esrgan", "sosr"),
    ),
    "superres.batch_pixels": (1_000_000, inference(*ROWS, *ABLATED) | LOW),
    "patches.pair_gap": (
        2,
        {
            job("extract_training_flow", engine="tvl1", gap="2", shard="0"),
            job("crop_patches", kind="tosr"),
            *trainings("spmc", "vsr_duf_16", "vsr_duf_52", "vdsr_warp"),
        },
    ),
    "patches.pair_lr": (
        "frame",
        {job("crop_patches", kind="tosr"), *trainings("spmc", "vsr_duf_16", "vsr_duf_52", "vdsr_warp")},
    ),
    "recognition.recognizers.tsn.fusion": ([1.0, 2.0], AGGREGATE | WHOLE | set(TABLES)),
    "recognition.recognizers.tsn.test_crops": (
        1,
        scores(*ROWS, *ABLATED, "hr", recognizers=("tsn",)) | mixed_scores("hr", "bicubic", "sosr"),
    ),
    "recognition.recognizers.tsn.first_frame": (1, PLAN | recognizers("tsn", streams=("spatial",))),
    "recognition.recognizers.tsn.train_snippets": (3, recognizers("tsn")),
    "recognition.recognizers.st_resnet.spatial.same_place": (
        True,
        recognizers("st_resnet", streams=("spatial",)),
    ),
    "recognition.recognizers.tsn.temporal.lr": (0.011, recognizers("tsn", streams=("temporal",))),
    "recognition.recognizers.st_resnet.spatial.lr": (0.011, recognizers("st_resnet", streams=("spatial",))),
    "recognition.recognizers.tsn.temporal.first_conv_rate": (
        5.0,
        recognizers("tsn", streams=("temporal",)),
    ),
    "recognition.recognizers.st_resnet.joint.stage1.frames": (
        3,
        recognizers("st_resnet", streams=("joint",)),
    ),
    "recognition.recognizers.tsn.spatial.per_dataset": (
        {"ucf_demo": {"lr": 0.5}},
        recognizers("tsn", streams=("spatial",), datasets=("ucf_demo",)),
    ),
    "recognition.recognizers.tsn.weights": (
        {"spatial": {"ucf_demo": "spatial.pt"}},
        scores(*ROWS, "hr", "sosr_tosr", recognizers=("tsn",), datasets=("ucf_demo",)),
    ),
    "flow.flownet2": ({"weights": None}, set()),
    "flow.flownet2.network": ("flownet2_c", set()),
}


# In place of the stages: outputs appear empty, since a plan asks only which are there and what they were made
# with. The demo's folders are made whole; a path below them is an input.
STAGE = """import os, sys
from pathlib import Path
for path in map(Path, sys.argv[2:]):
    if path.is_relative_to(os.environ["OUT"]) and not path.is_relative_to(os.environ["OUT"] + "/demo"):
        path.touch()
    elif sys.argv[1] == "generate-demo" and path.is_absolute():
        path.mkdir()
"""
# And of the networks' check, which is tests/preflight's: it says that all is well.
CHECK = """print('{"problems": [], "notes": []}')"""


@pytest.fixture(scope="module")
def finished(root, tmp_path_factory):
    """A project and the folder of its finished runs; each test puts back what it changed."""
    project = Project.copy(root, tmp_path_factory.mktemp("project"))
    output = tmp_path_factory.mktemp("output")
    (project.folder / "pipeline/preflight/networks.py").write_text(CHECK)
    (project.folder / "spatial.pt").touch()
    main, record = (project.folder / name for name in ("pipeline/__main__.py", "rules/provenance.smk"))
    before = {path: path.read_text() for path in (main, record)}
    main.write_text(STAGE)
    assert "    tell_losses(Path(OUT" in before[record]  # reads manifests at the end of a run
    record.write_text(before[record].replace("    tell_losses(", "    print("))
    options = ["--configfile", "tests/micro/config.yaml", "--config", f"output={output}"]
    environment = os.environ | {"OUT": str(output)}
    project.snakemake("--cores", "2", *options, "--", *targets(output), env=environment)
    for path, text in before.items():
        path.write_text(text)
    return project, output


def targets(output: Path) -> list[str]:
    return [f"{output}/table4.csv", "figures", "tables"]


def planned(project: Project, output: Path, config: str = "tests/micro/config.yaml") -> set[str]:
    return project.planned("--configfile", config, "--config", f"output={output}", "--", *targets(output))


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


def test_texts_rerun_nothing(finished):
    """Messages, descriptions and the layout of commands, in code that nearly every job reaches."""
    project, output = finished
    edits = {
        "pipeline/video/store.py": ("is added twice", "was added twice"),
        "pipeline/files.py": ('"""Atomic writes', '"""Whole writes'),
        "pipeline/config/stream_training.py": ("optimiser steps", "steps of the optimiser"),
        "pipeline/recognition/scoring.py": ("desc=stream.stream", 'desc=f"the {stream.stream} stream"'),
        "rules/recognition.smk": ("--init {input.init:q}", " --init  {input.init:q}"),
        "rules/data.smk": ("--out {output.manifest:q}", "--out  {output.manifest:q} "),
    }
    before = {project.folder / name: (project.folder / name).read_text() for name in edits}
    try:
        for (path, text), (old, new) in zip(before.items(), edits.values(), strict=True):
            assert old in text
            path.write_text(text.replace(old, new))
        assert planned(project, output) == set()
    finally:
        for path, text in before.items():
            path.write_text(text)


def test_snakemake_records_every_param(finished):
    """Those that derive from input, output, threads or resources are not: a change of them goes unseen."""
    rules = declared_params(finished[0].folder / "rules")
    records = [json.loads(p.read_text()) for p in (finished[0].folder / ".snakemake/metadata").rglob("*")]
    made = {record["rule"]: len(record["params"]) for record in records}
    assert set(made) == set(rules) - NOT_RUN
    changes_no_result = {"train_sr": {"progress"}}
    for rule, count in made.items():
        assert count == len(rules[rule] - changes_no_result.get(rule, set())), rule


def declared_params(folder: Path) -> dict[str, set[str]]:
    """Names of the params of each rule with a command; one that extends another has the other's, too."""
    rules: dict[str, set[str]] = {}
    for path in sorted(folder.glob("*.smk")):
        pattern = r"^(?:use )?rule (\w+)(?: as (\w+) with)?:\n((?:(?: .*)?\n)*)"
        for name, extension, body in re.findall(pattern, path.read_text(), re.M):
            block = re.search(r"^    params:\n((?:(?:        .*)?\n)+)", body, re.M)
            if block:
                names = set(re.findall(r"^        (\w+)=", block[1], re.M))
                rules[extension or name] = names | (rules[name] if extension else set())
    return rules


def test_every_rule_is_covered(finished):
    covered = {name.split()[0] for jobs in CODE.values() for name in jobs}
    rules = {
        r
        for p in (finished[0].folder / "rules").glob("*.smk")
        for r in re.findall(r"^(?:use rule \w+ as|rule) (\w+)(?: with)?:", p.read_text(), re.M)
    }
    # Targets of their own, without a command.
    assert covered == rules - {"figures", "tables", "report"} - NOT_RUN
