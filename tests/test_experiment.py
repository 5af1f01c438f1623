"""The experiment of a configuration: rows and their sources, streams, trainings, files, modules."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline.config.load import load_config
from pipeline.experiment import Experiment, Given


@pytest.fixture
def raw(root: Path) -> dict:
    """The micro configuration: all tables, both protocols, one shard a split."""
    raw = yaml.safe_load((root / "tests/micro/config.yaml").read_text()) | {"output": "out"}
    raw["tables"]["pairings"] = {"joint": ["vdsr", "sosr", "tosr"]}
    return raw


def experiment(raw: dict) -> Experiment:
    return Experiment(load_config(raw, data_must_exist=False))


def names(paths: list[str]) -> list[str]:
    """Paths below the recognition folder."""
    return [path.removeprefix("out/recognition/") for path in paths]


def test_a_pairing_takes_each_stream_from_its_row(raw):
    rows = experiment(raw).rows
    assert rows.source("sosr_tosr", "spatial") == "sosr"
    assert rows.source("sosr_tosr", "temporal") == "tosr"
    assert rows.source("hr", "temporal") == "hr"
    assert rows.source("tosr+sosr", "spatial") == "tosr"


@pytest.mark.parametrize(
    ("recognizer", "method", "streams"),
    [
        ("tsn", "sosr", ["spatial", "temporal"]),
        ("tsn", "sosr_tosr", []),  # late fusion adds the scores of the two rows
        ("st_resnet", "sosr", ["spatial", "temporal", "joint"]),
        ("st_resnet", "sosr_tosr", ["joint"]),
        ("st_resnet", "vdsr+tosr", ["joint"]),
        ("tsn-mixed100", "sosr_tosr", ["spatial", "temporal"]),
        ("tsn", "vdsr_wmse", ["spatial"]),  # table 2's alone
        ("tsn", "vdsr_warp", ["temporal"]),  # table 3's alone
    ],
)
def test_streams_that_are_scored_for_a_row(raw, recognizer, method, streams):
    assert experiment(raw).rows.scored_streams(recognizer, method) == streams


def test_scores_that_table_4_reads(raw):
    files = experiment(raw).files
    assert names(files.scores(["sosr", "sosr_tosr"], ["ucf_demo"], ["tsn", "st_resnet"])) == [
        "ucf_demo/tsn/scores/sosr/0.npz",
        "ucf_demo/st_resnet/scores/sosr/0.npz",
        "ucf_demo/st_resnet/scores/sosr_tosr/0.npz",
    ]


def test_a_score_for_each_shard(raw):
    raw["datasets"]["ucf_demo"]["shards"] = {"train": 1, "test": 3}
    files = experiment(raw).files
    found = names(files.scores(["hr"], ["ucf_demo", "hmdb_demo"], ["tsn"]))
    assert found == [
        *(f"ucf_demo/tsn/scores/hr/{shard}.npz" for shard in range(3)),
        "hmdb_demo/tsn/scores/hr/0.npz",
    ]
    assert files.all_frames("ucf_demo", "sosr", "test") == [
        f"out/superres/frames/ucf_demo/sosr/test-{shard}.h5" for shard in range(3)
    ]


def test_streams_that_a_score_does_not_read_have_no_store(raw):
    files = experiment(raw).files
    assert files.scored_flow("hmdb_demo", "tsn", "vdsr_wmse", "0") == []
    assert files.scored_frames("hmdb_demo", "tsn", "vdsr_warp", "0") == []
    assert files.scored_frames("hmdb_demo", "tsn", "hr", "0") == ["out/data/hmdb_demo/test-0/hr.h5"]
    assert files.scored_flow("hmdb_demo", "tsn", "vdsr_warp", "0") == [
        "out/flow/hmdb_demo/vdsr_warp/test-0.h5"
    ]


def test_figure_8_scores_pairings_by_the_mixture_itself(raw):
    asked = experiment(raw)
    found = names(asked.rows.tables["figure8"].reads(asked))
    assert found == [
        *(f"hmdb_demo/tsn/scores/{row}/0.npz" for row in ("bicubic", "sosr", "tosr", "hr")),
        *(f"hmdb_demo/tsn-mixed100/scores/{row}/0.npz" for row in ("hr", "bicubic", "sosr_tosr")),
    ]


def test_pairs_leave_out_those_that_a_row_shows(raw):
    pairs = experiment(raw).rows.pairs
    assert set(pairs) == {"vdsr+sosr", "vdsr+tosr", "sosr+vdsr", "tosr+vdsr", "tosr+sosr"}


def test_only_a_joint_network_scores_pairs(raw):
    found = names(experiment(raw).files.pair_scores(["ucf_demo"], ["tsn", "st_resnet"]))
    assert {path.split("/")[1] for path in found} == {"st_resnet"}
    assert len(found) == 5


def test_an_ablation_shows_table_4s_row_where_there_is_one(raw):
    rows = experiment(raw).rows
    table2 = rows.tables["table2"]
    assert list(table2.scored_rows(rows)) == ["vdsr", "vdsr_wmse", "sosr"]
    raw["methods"]["renamed"] = raw["methods"].pop("sosr") | {"label": "Ours"}
    raw["methods"]["sosr_tosr"]["spatial"] = "renamed"
    raw["report"]["pictured"] = ["hr"]
    raw["tables"]["pairings"] = {"joint": ["vdsr"]}
    assert list(table2.scored_rows(experiment(raw).rows)) == ["vdsr", "vdsr_wmse", "renamed"]


def test_without_tables_there_are_only_table_4s_rows(raw):
    del raw["tables"]
    rows = experiment(raw).rows
    assert rows.scored == rows.methods
    assert rows.variants == {}
    assert list(rows.tables) == ["pairings", "quality", "significance"]


def test_trainings_that_a_model_needs(raw):
    models = experiment(raw).models
    assert models.trained(["sosr"]) == ["sosr", "esrgan", "rrdb"]
    assert models.trained(["bicubic"]) == []
    assert models.patch_kinds(["sosr", "tosr"]) == ["sosr", "tosr"]


def test_published_weights_are_given_and_trained_ones_are_not(raw):
    raw["superres"]["models"]["vdsr"] = {"network": "vdsr", "weights": "vdsr.pth"}
    raw["recognition"]["recognizers"]["tsn"]["weights"] = {"spatial": {"ucf_demo": "spatial.pth"}}
    files = experiment(raw).files
    assert files.model_weights("vdsr") == ["vdsr.pth"]
    assert isinstance(files.model_weights("vdsr")[0], Given)
    assert files.init_weights("vdsr_warp") == ["vdsr.pth"]
    assert files.model_weights("bicubic") == []
    assert files.model_weights("rcan") == ["out/superres/models/rcan.safetensors"]
    weights = files.recognizer_weights("ucf_demo", "tsn", ["spatial", "temporal"])
    assert weights == ["spatial.pth", "out/recognition/ucf_demo/tsn/temporal.safetensors"]
    assert [isinstance(path, Given) for path in weights] == [True, False]
    # Another data set's stream is trained, and so is every mixture.
    for dataset, recognizer in (("hmdb_demo", "tsn"), ("ucf_demo", "tsn-mixed100")):
        [path] = files.recognizer_weights(dataset, recognizer, ["spatial"])
        assert not isinstance(path, Given)


def test_only_the_joint_network_starts_from_other_streams(raw):
    files = experiment(raw).files
    assert files.start_weights("ucf_demo", "st_resnet", "spatial") == []
    assert names(files.start_weights("ucf_demo", "st_resnet", "joint")) == [
        "ucf_demo/st_resnet/spatial.safetensors",
        "ucf_demo/st_resnet/temporal.safetensors",
    ]


def test_videos_of_the_demo_of_an_archive_and_of_a_folder(raw):
    raw["datasets"]["ucf_demo"] |= {"root": "clips.zip", "splits": "lists"}
    files = experiment(raw).files
    assert files.made_folder("hmdb_demo", "videos") == ["out/demo/hmdb_demo"]
    assert files.below("hmdb_demo", "videos") == "/videos"
    assert files.made_folder("ucf_demo", "videos") == ["out/unpacked/ucf_demo/videos"]
    assert files.below("ucf_demo", "videos") == ""
    assert files.made_folder("ucf_demo", "splits") == []
    assert files.below("ucf_demo", "splits") == "lists"
    assert files.archives(["ucf_demo", "hmdb_demo", "training_videos"]) == ["clips.zip"]


BUILT = {"protocol", "stream", "network", "args"}
TRAINED = BUILT | {"crop", "initial_weights", "training"}


@pytest.mark.parametrize(
    ("recognizer", "stream", "planned", "scored", "trained"),
    [
        (
            *("tsn", "spatial", {"first_frame", "test_snippets"}),
            *({"crop", "test_crops"}, {"first_frame", "train_snippets"}),
        ),
        (
            *("tsn", "temporal", {"flow_stack", "test_snippets"}),
            *({"crop", "test_crops"}, {"flow_stack", "train_snippets"}),
        ),
        ("st_resnet", "spatial", {"flow_stack", "test_frames"}, set(), set()),
        ("st_resnet", "temporal", {"flow_stack", "test_frames"}, set(), {"flow_stack"}),
        (
            *("st_resnet", "joint", {"flow_stack", "test_frames"}),
            *({"temporal_pool"}, {"flow_stack", "temporal_pool"}),
        ),
    ],
)
def test_requests_hold_what_their_stage_reads_of_a_stream(raw, recognizer, stream, planned, scored, trained):
    """Another value of a key reruns the jobs whose request holds it, and no others."""
    requests = experiment(raw).requests
    plan, scoring = requests.plan_frames("ucf_demo"), requests.score_clips("ucf_demo", recognizer, "hr", "0")
    training = requests.train_recognizer("ucf_demo", recognizer, stream)
    [part] = [part for part in plan.streams if (part.protocol, part.stream) == (recognizer, stream)]
    assert part.model_dump().keys() == {"protocol", "stream"} | planned
    [part] = [part for part in scoring.streams if part.stream == stream]
    assert part.model_dump().keys() == BUILT | planned | scored
    assert training.part.model_dump().keys() == TRAINED | trained
    assert "per_dataset" not in training.text()
    for request in (plan, scoring, training):
        assert type(request).read(request.text()) == request


def test_scoring_reads_one_device(raw):
    raw["compute"] = {"devices": 2, "threads": 3}
    scoring = experiment(raw).requests.score_pair("ucf_demo", "st_resnet", "tosr+sosr")
    assert scoring.compute.model_dump().keys() == {"device", "threads", "precision"}
    assert (scoring.shard, [part.stream for part in scoring.streams]) == (None, ["joint"])


def test_code_that_a_job_reaches_by_name(raw):
    code = experiment(raw).code
    assert "pipeline.superres.losses.warp" in code.train_sr("tosr")
    assert "pipeline.superres.losses.warp" not in code.train_sr("vdsr")
    assert "pipeline.superres.discriminators.vgg128" in code.train_sr("sosr")
    assert "pipeline.recognition.joint_networks.st_resnet" in code.train_recognizer(
        "ucf_demo", "st_resnet", "joint"
    )
    assert "pipeline.recognition.joint_networks.st_resnet" not in code.score("ucf_demo", "tsn", "sosr")
    assert code.train_recognizer("hmdb_demo", "tsn-mixed100", "spatial")[0] == "pipeline.recognition.training"
    assert "pipeline.recognition.protocols.tsn" in code.score("ucf_demo", "tsn", "sosr")
    assert "pipeline.recognition.protocols.st_resnet" not in code.score("ucf_demo", "tsn", "sosr")
    assert {module.rpartition(".")[2] for module in code.plan_frames()} == {"plan", "tsn", "st_resnet"}
    # What reads published weights counts only where there are some.
    assert "pipeline.weights.published" not in code.super_resolve("vdsr")
    raw["superres"]["models"]["vdsr"] = {"network": "vdsr", "weights": "vdsr.pth"}
    assert "pipeline.weights.published" in experiment(raw).code.super_resolve("vdsr")
    raw["superres"]["models"]["vdsr"]["network"] = "pipeline.superres.networks.rcan:RCAN"
    assert "pipeline.superres.networks.rcan:RCAN" in experiment(raw).code.super_resolve("vdsr")


def test_a_training_is_asked_what_it_reads_and_no_more(raw):
    requests = experiment(raw).requests
    assert requests.train_sr("sosr").feature_network.network == "random_features"
    assert requests.train_sr("vdsr").feature_network is None
    assert list(requests.train_sr("tosr").training.terms) == ["pixel", "warp"]
    before = {name: requests.train_sr(name).text() for name in ("sosr", "vdsr")}
    raw["superres"]["feature_network"] = {"network": "vgg19", "weights": "vgg19.pth"}
    raw["superres"]["models"]["vdsr"]["training"] |= {"validate_every": 7, "checkpoint_every": 3}
    raw["superres"]["batch_pixels"] = 1
    requests = experiment(raw).requests
    assert requests.train_sr("vdsr").text() == before["vdsr"]
    assert requests.train_sr("sosr").text() != before["sosr"]
    assert requests.show_progress("vdsr").validate_every == 7
    assert requests.super_resolve("ucf_demo", "vdsr", "test", "0").batch_pixels == 1


@pytest.mark.slow
def test_planning_loads_neither_torch_nor_pandas(root):
    """Both would add seconds to every command."""
    code = """
import sys, yaml
from pipeline.config.load import load_config
from pipeline.experiment import Experiment
config = load_config(yaml.safe_load(open("tests/micro/config.yaml")), data_must_exist=False)
requests = Experiment(config).requests
for model in ("srgan", "sosr", "tosr", "spmc"):
    requests.train_sr(model).text()
requests.tabulate("quality").text()
print([name for name in ("torch._C", "pandas.core", "scipy", "cv2") if name in sys.modules])
"""
    found = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "[]"
