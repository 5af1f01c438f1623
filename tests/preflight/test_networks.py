"""Checks before the first job: every network is built and run, and given weights are fitted to it."""

import copy
import re
import sys
from pathlib import Path

import pytest
import torch
import yaml

from pipeline.config.load import load_config
from pipeline.flow.flownet2 import NETWORKS
from pipeline.preflight.networks import Inspection
from pipeline.recognition.networks import load_backbone, load_joint
from pipeline.superres.features import VGG19
from pipeline.superres.networks import load_network

VDSR = {"depth": 3, "features": 2}
TSN = {"width": 0.125, "blocks": ["3a", "3c"]}
RESNET = {"depths": [1, 1, 1, 1], "width": 4}
STEPS = {"iterations": 4, "batch_size": 2}


@pytest.fixture(autouse=True)
def one_thread():
    """As the check itself: these networks are too small to share."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def raw(tmp_path) -> dict:
    """One small network of each kind, on a data set of two classes whose lists are there."""
    for name, line in (
        ("classInd.txt", "1 Archery\n2 Diving\n"),
        ("trainlist01.txt", ""),
        ("testlist01.txt", ""),
    ):
        path = tmp_path / "splits" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(line)
    (tmp_path / "videos").mkdir()
    critic = {"discriminator": "vgg128", "args": {"features": 4, "size": 32}}
    stream = STEPS | {"lr": 0.01}
    return {
        "data_root": str(tmp_path),
        "training_videos": {"root": "videos"},
        "datasets": {"mine": {"layout": "ucf101", "root": "videos", "splits": "splits"}},
        "patches": {"size": 32, "spatial_flow": "tvl1", "neighbours": 3},
        "superres": {
            "feature_network": {"network": "random_features"},
            "models": {
                "vdsr": {
                    "network": "vdsr",
                    "args": VDSR,
                    "training": STEPS | {"losses": {"adversarial": critic}},
                }
            },
        },
        "recognition": {
            "frame_size": [64, 48],
            "recognizers": {
                "tsn": {"protocol": "tsn", "args": TSN, "crop": 32, "spatial": stream, "temporal": stream},
                "st_resnet": {
                    "protocol": "st_resnet",
                    "args": RESNET,
                    "crop": 32,
                    "flow_stack": 2,
                    "temporal_pool": False,
                    "spatial": stream,
                    "temporal": stream,
                    "joint": {"stage1": stream},
                },
            },
        },
        "methods": {"hr": {"label": "HR", "model": "hr"}},
        "report": {"pictured": ["hr"]},
    }


def changed(raw: dict, changes: dict[str, object]) -> dict:
    raw = copy.deepcopy(raw)
    for key, value in changes.items():
        *sections, last = key.split(".")
        section = raw
        for name in sections:
            section = section.setdefault(name, {})
        section[last] = value
    return raw


def inspect(raw: dict, changes: dict[str, object] | None = None, devices: bool = False) -> Inspection:
    inspection = Inspection(load_config(changed(raw, changes or {}), data_must_exist=False))
    inspection.run(devices)
    return inspection


MODEL = "superres.models.vdsr"
CRITIC = f"{MODEL}.training.losses.adversarial"
RECOGNISER = "recognition.recognizers.tsn"


def test_what_is_fine_is_quiet(raw):
    found = inspect(raw)
    assert (found.problems, found.notes) == ([], [])


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({f"{MODEL}.args": {"depht": 6}}, r"vdsr\.args: .*'depht'.*depth"),
        ({f"{MODEL}.args": {"depth": 1}}, r"vdsr\.args: depth is 1, but VDSR has at least 2"),
        ({f"{MODEL}.args": {"depth": "six"}}, r"vdsr\.args: TypeError"),
        (
            {f"{MODEL}.network": "pipeline.superres.discriminators.vgg128:VGG128", f"{MODEL}.args": {}},
            r"vdsr\.network: .*VGG128 does not extend SRNetwork",
        ),
        (
            {f"{MODEL}.network": "pipeline.superres.networks.rrdb:Nothing"},
            r"vdsr\.network: .* has no Nothing",
        ),
        (
            {f"{MODEL}.network": "own:Broken", f"{MODEL}.args": {}},
            r"vdsr\.network: its module cannot be imported",
        ),
        (
            {f"{MODEL}.network": "mine:Twice", f"{MODEL}.args": {}},
            r"vdsr\.network: .*gives \[\(1, 3, 16, 16\)\].*32",
        ),
        (
            {f"{MODEL}.network": "mine:Even", f"{MODEL}.args": {}},
            r"vdsr\.network: .*not an SR network.*frames 2",
        ),
        (
            {f"{MODEL}.network": "mine:Fails", f"{MODEL}.args": {}},
            r"vdsr\.network: .*does not accept.*KeyError",
        ),
        ({f"{CRITIC}.discriminator": "vgg129"}, r"adversarial\.discriminator: .*vgg129.*vgg128"),
        ({CRITIC: {"discriminator": "vdsr", "args": VDSR}}, r"adversarial\.discriminator: no 'vdsr' among"),
        ({CRITIC: {"discriminator": "mine:Blind"}}, r"adversarial\.discriminator: mine:Blind gives"),
        ({f"{CRITIC}.args": {"sise": 32}}, r"adversarial\.args: .*'sise'"),
        ({f"{CRITIC}.args": {}}, r"adversarial\.discriminator: .*expected patches \(B, 3, 128, 128\)"),
        ({f"{MODEL}.training.frozen": ["bodi"]}, r"training\.frozen: .*'bodi'; they begin with input"),
        ({f"{MODEL}.training.losses.motion": {}}, r"losses\.motion: VDSR estimates no motion"),
        ({f"{MODEL}.network": "bicubic", f"{MODEL}.args": {}}, r"vdsr\.training: bicubic has no parameters"),
        (
            {MODEL: {"network": "spmc", "args": {"features": 4, "motion_features": 4}, "training": STEPS}},
            r"training\.patches: spmc sees 3 frames, but sosr",
        ),
        (
            {
                MODEL: {
                    "network": "vsr_duf",
                    "args": {"depth": 16, "units": 1, "growth": 4, "features": 8, "head": 8},
                    "training": STEPS | {"patches": "tosr"},
                }
            },
            r"training\.patches: vsr_duf sees 7 frames, but patches\.neighbours is 3",
        ),
        ({f"{RECOGNISER}.network": "mine:Twice"}, r"tsn\.network: .*mine:Twice does not extend Backbone"),
        (
            {f"{RECOGNISER}.network": "mine:Bare", f"{RECOGNISER}.args": {}},
            r"Bare has no normalisation",
        ),
        ({f"{RECOGNISER}.args": {"withd": 1}}, r"tsn\.args: .*'withd'.*it takes .*width"),
        ({f"{RECOGNISER}.args": {"blocks": ["9z"]}}, r"tsn\.args: .*9z"),
        (
            {
                "recognition.recognizers.st_resnet.network": "bn_inception",
                "recognition.recognizers.st_resnet.args": TSN,
            },
            r"st_resnet\.args: ST-ResNet needs residual units",
        ),
    ],
)
def test_what_would_die_later_is_one_line_that_names_its_key(raw, changes, line, tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(OWN)
    (tmp_path / "own.py").write_text("import a_package_that_is_nowhere\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("mine", "own"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    found = inspect(raw, changes)
    assert len(set(found.problems)) == 1, found.problems
    (problem,) = set(found.problems)
    assert re.search(line, problem), problem
    assert "\n" not in problem


OWN = """
import torch
from pipeline.recognition.backbone import Backbone
from pipeline.superres.discriminator import Discriminator
from pipeline.superres.network import ImageNetwork

class Blind(Discriminator):
    size = 32
    def logits(self, patches):
        return patches

class Twice(ImageNetwork):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Conv2d(3, 3, 1)
    def super_resolve(self, lr):
        return self.layer(lr).repeat_interleave(2, 2).repeat_interleave(2, 3)

class Even(Twice):
    frames = 2

class Fails(Twice):
    def super_resolve(self, lr):
        return {}["lr"]

class Bare(Backbone):
    def __init__(self, classes, in_channels, dropout):
        super().__init__()
"""


@pytest.mark.parametrize(
    ("start", "args", "line"),
    [
        ({}, {}, None),
        ({}, {"learned_expansion": True}, None),
        ({"learned_expansion": True}, {}, r"own\.init: start is vsr_duf with .*'learned_expansion': True"),
        ({"growth": 2}, {"learned_expansion": True}, r"own\.init: start is vsr_duf with .*'growth': 2"),
    ],
)
def test_a_training_starts_from_a_network_that_fits(raw, start, args, line):
    duf = {"depth": 16, "units": 1, "growth": 4, "features": 8, "head": 8}
    training = STEPS | {"patches": "tosr"}
    models = {
        "start": {"network": "vsr_duf", "args": duf | start, "training": training},
        "own": {"network": "vsr_duf", "args": duf | args, "init": "start", "training": training},
    }
    found = inspect(raw, {"superres.models": models, "patches.neighbours": 7})
    assert len(found.problems) == (line is not None)
    assert all(re.search(line, problem) for problem in found.problems), found.problems


def test_another_network_is_no_start(raw):
    own = {"network": "rrdb", "args": {"blocks": 1}, "init": "vdsr", "training": STEPS}
    (problem,) = inspect(raw, {"superres.models.own": own}).problems
    assert re.search(r"own\.init: vdsr is vdsr with .*but this is rrdb", problem)


def test_all_problems_are_reported_at_once(raw):
    found = inspect(
        raw,
        {
            f"{MODEL}.args": {"depht": 6},
            f"{RECOGNISER}.args": {"withd": 1},
            f"{CRITIC}.discriminator": "vgg129",
        },
    )
    keys = {problem.partition(": ")[0] for problem in found.problems}
    assert keys == {f"{MODEL}.args", f"{RECOGNISER}.args", f"{CRITIC}.discriminator"}


def tsn(classes: int, channels: int, **wrapped) -> dict:
    return load_backbone("bn_inception", classes, channels, 0.0, TSN).state_dict() | wrapped


def joint(classes: int) -> dict:
    streams = [load_backbone("resnet50", classes, channels, 0.0, RESNET) for channels in (3, 4)]
    return load_joint("st_resnet", *streams, temporal_pool=False).state_dict()


@pytest.mark.parametrize(
    ("key", "content", "line"),
    [
        (f"{RECOGNISER}.weights.spatial", lambda: tsn(2, 3), None),
        (
            f"{RECOGNISER}.weights.spatial",
            lambda: tsn(400, 3),
            r"for mine, of 2 classes: .*of 400 classes, expected 2",
        ),
        (
            f"{RECOGNISER}.weights.spatial",
            lambda: tsn(2, 10),
            r"10 input channels \(a network of flow\), expected 3",
        ),
        (
            f"{RECOGNISER}.weights.temporal",
            lambda: tsn(2, 3),
            r"3 input channels \(a network of RGB\), expected 10",
        ),
        (f"{RECOGNISER}.weights.temporal", lambda: {"epoch": 3}, r"expected named tensors"),
        (f"{RECOGNISER}.weights.spatial", "<html>", "a web page"),
        (f"{RECOGNISER}.initial_weights", lambda: tsn(400, 3), None),
        (f"{RECOGNISER}.initial_weights", "<html>", "a web page"),
        (
            f"{RECOGNISER}.initial_weights",
            lambda: load_network("vdsr", VDSR).state_dict(),
            "does not fit BNIncep",
        ),
        ("recognition.recognizers.st_resnet.weights.joint", lambda: joint(2), None),
        ("recognition.recognizers.st_resnet.weights.joint", lambda: joint(5), "of 5 classes, expected 2"),
        (f"{MODEL}.weights", lambda: load_network("vdsr", VDSR).state_dict(), None),
        (
            f"{MODEL}.weights",
            lambda: load_network("vdsr", {"depth": 4, "features": 2}).state_dict(),
            "1 unexpected",
        ),
        (f"{MODEL}.weights", "", "the file is empty"),
        ("superres.feature_network.weights", "version https://git-lfs", "pointer of Git LFS"),
        (
            "flow.flownet2.weights",
            lambda: {"flownetc.conv1.0.bias": torch.zeros(3)},
            "does not fit FlowNet2S",
        ),
    ],
)
def test_weights_are_fitted_before_the_first_job(raw, key, content, line, tmp_path):
    path = tmp_path / "given.pth"
    path.write_text(content) if isinstance(content, str) else torch.save(content(), path)
    changes = {key: str(path)}
    if key == f"{MODEL}.weights":
        changes = {MODEL: {"network": "vdsr", "args": VDSR, "weights": str(path)}}
    elif key.startswith("superres.feature"):
        changes |= {"superres.feature_network.network": "vgg19", f"{MODEL}.training.losses.feature": {}}
    elif key.startswith("flow"):
        changes |= {"patches.spatial_flow": "flownet2", "flow.flownet2.network": "flownet2_s"}
    found = inspect(raw, changes)
    if line is None:
        assert found.problems == []
        return
    assert all(problem.startswith(f"{key}: ") for problem in found.problems), found.problems
    assert any(re.search(line, problem) for problem in found.problems), found.problems


@pytest.mark.slow
def test_the_weights_of_networks_without_arguments_fit(raw, tmp_path):
    """Neither is built with numbers: FlowNet2 alone has 650 MB of them."""
    with torch.device("meta"):
        shapes = {"vgg": VGG19(), "flow": NETWORKS["flownet2_s"]()}
    for name, network in shapes.items():
        torch.save(
            {k: torch.zeros(v.shape, dtype=v.dtype) for k, v in network.state_dict().items()}, tmp_path / name
        )
    found = inspect(
        raw,
        {
            "superres.feature_network": {"network": "vgg19", "weights": str(tmp_path / "vgg")},
            f"{MODEL}.training.losses.feature": {},
            "patches.spatial_flow": "flownet2",
            "flow.flownet2": {"network": "flownet2_s", "weights": str(tmp_path / "flow")},
        },
    )
    assert found.problems == []


def test_what_is_left_out_of_weights_is_noted(raw, tmp_path):
    path = tmp_path / "given.pth"
    torch.save(load_network("vdsr", VDSR).state_dict() | {"total_ops": torch.zeros(1)}, path)
    found = inspect(raw, {MODEL: {"network": "vdsr", "args": VDSR, "weights": str(path)}})
    assert found.notes == [f"{MODEL}.weights: {path}: left out total_ops"]


@pytest.mark.parametrize("devices", [True, False])
def test_a_gpu_is_asked_for_only_where_jobs_run_here(raw, devices, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    found = inspect(raw, {"compute.device": "cuda"}, devices)
    expected = ["compute: compute.device is cuda, but torch finds no CUDA device; set it to cpu"]
    assert found.problems == (expected if devices else [])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["config.yaml", "config/paper.yaml", "config/real-small.yaml"])
def test_our_own_configurations_pass(root: Path, name, tmp_path):
    raw = yaml.safe_load((root / name).read_text())
    found = inspect(raw if raw.get("demo") else raw | {"data_root": str(tmp_path)})
    assert found.problems == []


@pytest.mark.parametrize("supported", [True, False])
def test_bfloat16_without_instructions_for_it_is_noted(raw, monkeypatch, supported):
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: supported)
    found = inspect(raw, {"compute.precision": "bfloat16"}, devices=True)
    assert found.problems == []
    assert any("compute.precision" in note and "float32" in note for note in found.notes) != supported
