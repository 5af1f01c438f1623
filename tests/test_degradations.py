"""Scale and degradations in a configuration: what is refused before the first job, and which jobs follow."""

import copy
import re
import sys

import numpy as np
import pytest
import yaml
from snakemake.utils import update_config
from workflow import Project

from pipeline.config.load import ConfigError, load_config
from pipeline.data.degradations import degrade
from pipeline.data.request import PrepareClips
from pipeline.experiment import Experiment
from pipeline.preflight import inspection
from pipeline.video import process

H264 = {"codec": "h264", "crf": 23}
CHAINS = {"h264_23": ["bicubic", H264], "bd": [{"blur": 1.6, "size": 13}, "subsample"]}


def with_keys(raw: dict, keys: dict) -> dict:
    raw = copy.deepcopy(raw)
    for key, value in keys.items():
        *sections, last = key.split(".")
        section = raw
        for name in sections:
            section = section.setdefault(name, {})
        section[last] = value
    return raw


@pytest.fixture
def raw(root):
    return yaml.safe_load(yaml.dump(yaml.safe_load((root / "tests/micro/config.yaml").read_text())))


@pytest.fixture
def tested(raw):
    """HMDB's test clips under two further degradations, and SoSR trained under one of them."""
    return with_keys(
        raw,
        {
            "degradations": CHAINS,
            "datasets.hmdb_demo.degradations": list(CHAINS),
            "tables.degradations": {"recognizers": ["tsn"], "rows": ["bicubic", "sosr", "sosr_tosr", "hr"]},
            "superres.models.sosr.training.degradation": "h264_23",
        },
    )


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"scale": 5}, ["scale", "5", "2, 3, 4 or 8"]),
        ({"scale": 3}, ["patches.size", "32", "multiple of 3"]),
        (
            {"scale": 2, "datasets.ucf_demo.published": "UCF101"},
            ["datasets.ucf_demo.published", "scale 4", "null"],
        ),
        (
            {"scale": 8, "superres.models.vdsr.training.crop": 12},
            ["vdsr.training.crop", "12", "multiple of 8"],
        ),
        ({"degradation": []}, ["degradation", "exactly one step", "none"]),
        ({"degradation": ["bicubic", "area"]}, ["degradation", "bicubic and area"]),
        ({"degradation": [{"noise": 2.0}]}, ["degradation", "exactly one step", "none"]),
        ({"degradation": ["bicubic", "blurr"]}, ["degradation.1", "'blurr'", "blur"]),
        ({"degradation": ["bicubic", {"step": "no.such:Step"}]}, ["degradation.1", "no module no.such"]),
        ({"degradation": ["bicubic", {"noise": -1.0}]}, ["degradation.1", "noise", "-1"]),
        ({"degradation": ["bicubic", {"jpeg": 101}]}, ["degradation.1", "jpeg", "101"]),
        (
            {"degradations": {"x": ["bicubic", {"codec": "h264", "crf": 60}]}},
            ["degradations.x.1", "60", "0 to 51"],
        ),
        (
            {"degradations": {"x": ["bicubic", {"codec": "vp8", "crf": 6}]}},
            ["degradations.x.1", "vp8", "h264"],
        ),
        (
            {"degradations": {"x": ["bicubic", {"codec": "av1"}]}},
            ["degradations.x.1", "either crf or bitrate"],
        ),
        ({"degradations": {"x-1": ["bicubic"]}}, ["degradations.x-1", "lower-case"]),
        ({"datasets.ucf_demo.degradations": ["x"]}, ["datasets.ucf_demo.degradations", "'x'", "known: none"]),
        (
            {"degradations": CHAINS, "datasets.ucf_demo.degradations": ["bd"]},
            ["datasets.ucf_demo.degradations", "no table shows them", "tables"],
        ),
        ({"tables.degradations": {}}, ["tables.degradations", "datasets.NAME.degradations"]),
        ({"tables.degradations": {"rows": ["sosr"]}}, ["tables.degradations.rows", "'bicubic'"]),
        (
            {"superres.models.vdsr.training.degradation": "jpg"},
            ["superres.models.vdsr.training.degradation", "'jpg'", "known: none"],
        ),
    ],
)
def test_wrong_keys_are_named_before_the_first_job(raw, keys, words):
    with pytest.raises(ConfigError) as error:
        load_config(with_keys(raw, keys), data_must_exist=False)
    for word in words:
        assert word in str(error.value)


def test_a_codec_that_ffmpeg_lacks_is_named_before_the_first_job(tested, monkeypatch):
    config = load_config(tested, data_must_exist=False)
    assert list(inspection.degradation_problems(config)) == []
    monkeypatch.setattr(process, "find_encoders", lambda: frozenset({"libx265"}))
    (problem,) = inspection.degradation_problems(config)
    assert problem.startswith("degradations.h264_23.codec: ")
    assert "has no encoder libx264" in problem


@pytest.mark.slow
def test_networks_and_weights_of_another_scale_are_named_before_the_first_job(raw, tmp_path):
    import torch

    from pipeline.superres.networks import load_network

    args = raw["superres"]["models"]["srresnet"]["args"]
    torch.save(load_network("srresnet", args, 4).state_dict(), tmp_path / "x4.pth")
    raw["superres"]["models"]["srresnet"] = {
        "network": "srresnet",
        "args": args,
        "weights": str(tmp_path / "x4.pth"),
    }
    found = inspection.inspect_networks(load_config(raw | {"scale": 2}, data_must_exist=False), devices=False)
    text = "\n".join(found["problems"])
    assert "superres.models.spmc.network: spmc cannot be built for scale 2, only for 4" in text
    assert "superres.models.srresnet.weights: " in text
    assert "holds weights of srresnet for scale 4, but scale is 2" in text


def test_patches_are_down_sampled_by_bicubic_alone_and_else_cut_from_degraded_frames(tested):
    """A codec needs whole frames, and other steps than bicubic have another phase or another picture."""

    def low(kind: str, **keys) -> str:
        config = load_config(with_keys(tested, keys), data_must_exist=False)
        return Experiment(config).requests.crop_patches(kind).low

    assert [low("sosr"), low("tosr")] == ["patch", "patch"]
    assert [low("sosr@h264_23"), low("tosr@bd")] == ["frame", "frame"]
    assert low("sosr", degradation=["area"]) == "frame"
    assert low("tosr", **{"patches.pair_lr": "frame"}) == "frame"
    models = Experiment(load_config(tested, data_must_exist=False)).models
    assert models.patch_kinds(["sosr", "esrgan", "tosr"]) == ["sosr", "sosr@h264_23", "tosr"]


def test_only_what_a_chain_needs_is_in_its_request(tested, monkeypatch):
    """The seed counts where noise is drawn, the version of ffmpeg where it encodes, and none elsewhere."""
    tested["degradations"] = {**CHAINS, "noisy": ["bicubic", {"noise": 2.0}]}

    def texts(raw: dict) -> dict[str, str]:
        asked = Experiment(load_config(raw, data_must_exist=False)).requests
        found = {
            name: asked.degrade_frames("hmdb_demo", "test", "0", name).text() for name in raw["degradations"]
        }
        found |= {"default": asked.prepare_clips("hmdb_demo", "test", "0").text()}
        return found | {"list": asked.list_clips("hmdb_demo").text(), "train": asked.train_sr("sosr").text()}

    def differing(one: dict[str, str], other: dict[str, str]) -> set[str]:
        return {name for name in one if one[name] != other[name]}

    before = texts(tested)
    assert differing(before, texts(tested | {"seed": 1})) == {"noisy", "train"}
    stronger = with_keys(tested, {"degradations.h264_23": ["bicubic", {**H264, "crf": 24}]})
    assert differing(before, texts(stronger)) == {"h264_23"}
    assert differing(before, texts(tested | {"scale": 8})) == set(before)
    monkeypatch.setattr(process, "ffmpeg_version", lambda: "another build")
    assert differing(before, texts(tested)) == {"h264_23"}


@pytest.mark.slow
def test_further_degradations_add_their_jobs_and_change_no_others(root, raw, tested, tmp_path):
    project = Project.copy(root, tmp_path)
    (project.folder / "pipeline/preflight/networks.py").write_text(
        """print('{"problems": [], "notes": []}')"""
    )

    def planned(raw: dict, *targets: str) -> set[str]:
        path = project.folder / "asked.yaml"
        path.write_text(yaml.safe_dump(raw, sort_keys=False))
        return project.planned("--configfile", "asked.yaml", "--", *targets)

    untrained = copy.deepcopy(tested)
    del untrained["superres"]["models"]["sosr"]["training"]["degradation"]
    # Table 4 is of the default degradation alone.
    assert planned(untrained, "results/table4.csv") == planned(raw, "results/table4.csv")
    table = "results/tables/degradations.png"
    jobs = planned(untrained, table) - planned(raw, "results/table4.csv")
    chains = {d: {job for job in jobs if d in job} for d in CHAINS}
    assert jobs == chains["h264_23"] | chains["bd"] | {
        "tabulate table=degradations",
        "draw_table table=degradations",
    }
    sources = ("bicubic", "sosr", "tosr")  # and no HR, and no other data set
    assert chains["bd"] == {
        "degrade_frames degradation=bd name=hmdb_demo shard=0 split=test",
        *(f"super_resolve dataset=hmdb_demo model={m}@bd shard=0 split=test" for m in sources),
        *(f"extract_flow dataset=hmdb_demo shard=0 source={m}@bd split=test" for m in sources),
        *(f"score_clips dataset=hmdb_demo method={m}@bd recognizer=tsn shard=0" for m in sources),
    }
    # A training under a degradation reads patches of its own.
    trained = planned(tested, "results/superres/models/sosr.safetensors")
    assert "crop_patches kind=sosr@h264_23" in trained
    assert "degrade_frames degradation=h264_23 name=training_videos shard=0 split=train" in trained


def test_the_documented_snippets_run(root, raw, tmp_path, monkeypatch):
    """docs/degradations.md: a step of one's own, and keys that are laid over a configuration."""
    page = (root / "docs/degradations.md").read_text()
    (step,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (keys,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "my_steps.py").write_text(step)
    monkeypatch.syspath_prepend(tmp_path)
    update_config(raw, yaml.safe_load(keys))
    named = re.search(r"`(\{step: my_steps:Dim.*?\})`", page)
    raw["degradation"] = ["bicubic", yaml.safe_load(named[1])]
    experiment = Experiment(load_config(raw, data_must_exist=False))
    assert experiment.rows.degradations == ["h264_23", "h264_35", "bd"]
    assert "my_steps:Dim" in experiment.code.prepare()
    request = PrepareClips.read(experiment.requests.prepare_clips("hmdb_demo", "test", "0").text())
    frames = np.full((2, 8, 8, 3), 100, np.uint8)
    found = np.stack(list(degrade(iter(frames), request.degradation, "a/b", request.scale, request.seed)))
    np.testing.assert_array_equal(found, np.full((2, 2, 2, 3), 40))
    sys.modules.pop("my_steps", None)


def test_the_documented_scales_are_the_networks(root):
    from pipeline.plugins import find
    from pipeline.superres.network import SRNetwork
    from pipeline.superres.networks import network_names

    rows = re.findall(r"^\| (`\w+`.*?) \| ([\d, ]+) \|$", (root / "docs/degradations.md").read_text(), re.M)
    told = {name: scales for names, scales in rows for name in re.findall(r"\w+", names)}
    assert told == {name: ", ".join(map(str, find(SRNetwork, name).scales)) for name in network_names()}
