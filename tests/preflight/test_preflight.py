"""Preflight: missing and existing data, and the cost of a run."""

import os
from collections import Counter
from pathlib import Path

import pytest
import yaml

from pipeline.cli import main
from pipeline.config import SRModel, needs
from pipeline.config.load import load_config
from pipeline.config.needs import find_needs
from pipeline.data.manifest import DataError
from pipeline.data.members import RAR_READERS
from pipeline.experiment import Experiment
from pipeline.plugins import find, names
from pipeline.preflight import cost
from pipeline.preflight.cost import Estimate, Work, sr_operation, stream_operations
from pipeline.preflight.counts import Clips, count_clips, count_videos
from pipeline.preflight.reading import Reads
from pipeline.preflight.report import PreflightError, check, preflight
from pipeline.superres.network import ClipNetwork, SRNetwork


@pytest.fixture
def raw(root: Path, tmp_path: Path) -> dict:
    """The paper's configuration without any of its data."""
    raw = yaml.safe_load((root / "config/paper.yaml").read_text())
    return raw | {"data_root": str(tmp_path / "data"), "output": str(tmp_path / "results")}


def load(raw: dict, **datasets):
    for name, changes in datasets.items():
        raw["datasets"][name] |= changes
    return load_config(raw, data_must_exist=False)


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def constant(frames: int, train: int, test: int, pixels: float = 320 * 240) -> Clips:
    return Clips({"train": Counter({frames: train}), "test": Counter({frames: test})}, pixels, "")


@pytest.fixture
def small(tmp_path) -> Path:
    """UCF101's layout with two classes, a listed clip without a file, and a file that no list names."""
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "classInd.txt").write_text("1 Archery\n2 YoYo\n")
    (lists / "trainlist01.txt").write_text("Archery/v_Archery_g08_c01.avi 1\nYoYo/v_YoYo_g08_c01.avi 2\n")
    (lists / "testlist01.txt").write_text("Archery/v_Archery_g01_c01.avi\nYoYo/v_YoYo_g01_c01.avi\n")
    names = ["Archery/v_Archery_g08_c01", "YoYo/v_YoYo_g08_c01", "Archery/v_Archery_g01_c01", "YoYo/other"]
    touch(*(tmp_path / "videos" / f"{name}.avi" for name in names))
    return tmp_path


def test_the_papers_configuration_is_valid_once_its_data_are_there(raw, tmp_path, monkeypatch):
    monkeypatch.setattr(needs, "reader_problem", lambda path: None)
    config = load(raw)
    (tmp_path / "data" / "CDVL-134").mkdir(parents=True)
    for need in find_needs(config):
        if not need.path.exists():
            touch(need.path)
    assert load_config(raw) == config


def test_everything_that_is_missing_is_reported_with_its_source(raw):
    config = load(raw)
    problems = [need.problem for need in find_needs(config)]
    text = "\n".join(problems)
    assert all(problems)
    for words in (
        *["UCF101.rar from https://www.crcv.ucf.edu", "hmdb51_org.rar from https://serre-lab", "cdvl.org"],
        *["UCF101TrainTestSplits-RecognitionTask.zip", "test_train_splits.rar", "vgg19-dcbb9e9d.pth"],
        *["FlowNet2_checkpoint.pth.tar", "bn_inception-52deb4733.pth", "imagenet-resnet-50-dag.mat"],
    ):
        assert words in text
    report = check(config)
    assert all(need.key in report for need in find_needs(config))


def test_a_rar_without_a_reader_is_reported_before_the_run(raw, tmp_path, monkeypatch):
    config = load(raw)
    monkeypatch.setenv("PATH", str(tmp_path))
    touch(tmp_path / "data" / "UCF101.rar")
    need = next(n for n in find_needs(config) if n.key == "datasets.ucf101.root")
    assert RAR_READERS in need.problem


def test_files_are_counted_against_the_lists_and_the_published_numbers(raw, small):
    config = load(raw, ucf101={"root": str(small / "videos"), "splits": str(small / "lists")})
    clips = count_clips(config, "ucf101")
    assert (clips.clips("train"), clips.clips("test")) == (2, 1)
    assert clips.frames("train") == 2 * 186
    for words in (
        "4 video files, 13,320 are published",
        "2 classes, 101 are published",
        "1 test clips, 2 are listed",
    ):
        assert words in clips.summary


def append(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(line)


@pytest.mark.parametrize("videos", ["videos", "none"])
def test_a_clip_in_both_lists_stops_before_the_first_job(raw, small, videos):
    append(small / "lists" / "trainlist01.txt", "Archery/v_Archery_g01_c01.avi 1\n")
    config = load(raw, ucf101={"root": str(small / videos), "splits": str(small / "lists")})
    with pytest.raises(DataError, match=r"1 clip listed for two splits: Archery/v_Archery_g01_c01 "):
        check(config)


def test_a_wrong_folder_of_videos_stops_before_the_first_job(raw, small):
    config = load(raw, ucf101={"root": str(small / "lists"), "splits": str(small / "lists")})
    with pytest.raises(
        DataError, match=r"lists: no listed clip is there; found no video .* expected Archery/v_"
    ):
        check(config)


@pytest.mark.parametrize(("part", "file"), [("splits", "lists/classInd.txt"), ("root", "lists/classInd.txt")])
def test_a_file_in_place_of_a_folder_stops_before_the_first_job(raw, small, part, file):
    folders = {"root": str(small / "videos"), "splits": str(small / "lists")}
    config = load(raw, ucf101=folders | {part: str(small / file)})
    with pytest.raises(DataError, match=r"classInd\.txt: a file; expected the"):
        check(config)


def test_a_line_twice_is_reported(raw, small):
    append(small / "lists" / "trainlist01.txt", "Archery/v_Archery_g08_c01.avi 1\n")
    config = load(raw, ucf101={"root": str(small / "videos"), "splits": str(small / "lists")})
    clips = count_clips(config, "ucf101")
    assert (clips.clips("train"), clips.clips("test")) == (2, 1)
    assert "1 lines of the lists repeat a clip" in clips.summary


def test_links_and_names_of_all_kinds_are_counted(raw, small):
    (small / "videos" / "Archery").rename(small / "store")
    (small / "videos" / "Archery").symlink_to("../store")
    (small / "store" / "loop").symlink_to(".")
    (small / "store" / "gone.avi").symlink_to("/nowhere/gone.avi")
    touch(Path(os.fsdecode(os.fsencode(small) + b"/store/caf\xe9.avi")))
    found = {"root": str(small / "videos"), "splits": str(small / "lists")}
    config = load(raw | {"training_videos": {"root": str(small)}}, ucf101=found)
    clips = count_clips(config, "ucf101")
    assert (clips.clips("train"), clips.clips("test")) == (2, 1)
    assert "6 video files" in clips.summary
    # The class folder and the folder that it is linked to hold the same two videos.
    assert count_videos(config).clips("train") == 4


@pytest.fixture
def videos(raw, tmp_path) -> Path:
    """Two of the paper's videos, one of them in capitals, and one that is not of its list."""
    folder = tmp_path / "data" / "CDVL-134"
    touch(*(folder / name for name in ("akiyo_cif.y4m", "xiph/FOREMAN_CIF.avi", "mine.mp4")))
    return folder


def test_the_papers_videos_are_counted_against_its_list(raw, videos):
    message = count_videos(load(raw)).summary
    assert message.startswith("2 of the paper's 134 videos; 600 frames according to its list. BUT: ")
    missing = ["720p50_mobcal_ter.avi", "720p50_parkrun_ter.avi", "720p50_shields_ter.avi"]
    missing += ["720p5994_stockholm_ter.avi", "Bennet-Watt_CPSPIR003_original.avi"]
    assert f"132 missing: {', '.join(missing)}, ...; 1 not in the list, and not used: mine.mp4" in message


def test_every_missing_video_is_named_on_demand(raw, videos, tmp_path, capsys):
    config = tmp_path / "paper.yaml"
    config.write_text(yaml.safe_dump(raw))
    for arguments in ([], ["--name-all"]):
        main(["preflight", "--config", str(config), *arguments])
        words = capsys.readouterr().out
        assert "132 missing: 720p50_mobcal_ter.avi" in words
        assert ("waterfall_cif.avi" in words) == bool(arguments)


def test_the_manifest_is_compared_with_the_list(raw, videos, tmp_path):
    """akiyo_cif is as listed, foreman_cif too short and cropped."""
    config = load(raw)
    manifest = config.output / "data" / "training_videos" / "manifest.csv"
    manifest.parent.mkdir(parents=True)
    manifest.write_text(
        "id,path,class_name,label,split,frames,height,width,shard\n"
        "akiyo_cif,a.y4m,,0,train,300,288,352,0\nforeman_cif,f.avi,,0,train,290,240,352,0\n"
    )
    message = count_videos(config).summary
    assert "2 videos, 590 frames in" in message
    assert (
        "2 not as listed: foreman_cif (290 frames; the list has 300), foreman_cif (352x240 pixels" in message
    )
    raw["training_videos"]["max_frames"] = 290
    raw["training_videos"]["size"] = [320, 240]
    assert "akiyo_cif (300 frames; the list has 290)" in count_videos(load(raw)).summary
    assert "foreman" not in count_videos(load(raw)).summary


def test_a_folder_without_the_papers_videos_stops_before_the_first_job(raw, videos):
    touch(videos.parent / "other" / "mine.mp4")
    raw["training_videos"]["root"] = "other"
    with pytest.raises(DataError, match=r"found 1 video files .mine\.mp4.*training_videos.listed to null"):
        check(load(raw))
    raw["training_videos"]["listed"] = None
    assert "1 videos; the paper has 134" in check(load(raw))


def test_the_papers_list_gives_frames_and_sizes_before_there_are_videos(raw):
    """82,705 frames of 110,649 pixels on average."""
    found = count_videos(load(raw))
    assert found.summary == "no videos yet; the paper has 134; 82,705 frames according to its list"
    assert (found.clips("train"), found.frames("train")) == (134, 82_705)
    assert found.pixels == pytest.approx(110_649.4)
    raw["training_videos"] |= {"max_frames": 40, "size": [320, 240]}
    found = count_videos(load(raw))
    assert (found.frames("train"), found.pixels) == (134 * 40, 320 * 240)


def test_lists_alone_are_enough_to_count(raw, small):
    config = load(raw, ucf101={"root": str(small / "none"), "splits": str(small / "lists")})
    clips = count_clips(config, "ucf101")
    assert (clips.clips("train"), clips.clips("test")) == (2, 2)
    assert "no videos yet" in clips.summary


def test_a_manifest_gives_the_frames(raw, small):
    config = load(raw, ucf101={"root": str(small / "videos"), "splits": str(small / "lists")})
    manifest = config.output / "data" / "ucf101" / "manifest.csv"
    manifest.parent.mkdir(parents=True)
    manifest.write_text(
        "id,path,class_name,label,split,frames,height,width,shard\n"
        "Archery/a,a.avi,Archery,0,train,100,240,320,0\nArchery/b,b.avi,Archery,0,test,50,240,160,0\n"
    )
    clips = count_clips(config, "ucf101")
    assert (clips.frames("train"), clips.frames("test")) == (100, 50)
    assert clips.pixels == pytest.approx((100 * 320 + 50 * 160) * 240 / 150)


def test_official_lists_have_the_published_counts(raw, real_data):
    splits = {n: {"splits": str(real_data / "splits" / n), "root": "none"} for n in ("ucf101", "hmdb51")}
    config = load(raw, **splits)
    for name in splits:
        assert "BUT" not in count_clips(config, name).summary


def test_what_the_rows_need(raw):
    config = load(raw)
    experiment = Experiment(config)
    rows, models = experiment.rows, experiment.models
    trained = {
        "vdsr",
        "rcan",
        "srresnet",
        "srgan",
        "rrdb",
        "esrgan",
        "sosr",
        "spmc_motion",
        "spmc_fusion",
        "spmc",
        "vsr_duf_16",
        "vsr_duf_52",
        "tosr",
    }
    assert set(models.trained(rows.super_resolved)) == trained
    assert set(rows.sources) == {"bicubic", "hr", *trained} - {
        *("srresnet", "rrdb"),
        *("spmc_motion", "spmc_fusion"),
    }
    assert models.patch_kinds(trained) == ["sosr", "tosr"]
    assert [models.patch_flow(kind) for kind in ("sosr", "tosr")] == [("flownet2", 1), ("tvl1", 1)]
    # Of a clip of 7 frames both recognisers read everything.
    assert Reads(config).count(Counter({7: 3})) == (21, 18)


def test_published_weights_take_trainings_away(raw):
    for name in raw["superres"]["models"]:
        if name != "bicubic":
            raw["superres"]["models"][name] = raw["superres"]["models"][name] | {"weights": "w", "init": None}
            del raw["superres"]["models"][name]["training"]
    for spec in raw["recognition"]["recognizers"].values():
        spec["weights"] = {stream: "w" for stream in ("spatial", "temporal")}
    del raw["recognition"]["recognizers"]["st_resnet"]
    config = load(raw)
    work = {w.rule: w for w in Estimate(config, *_counts(config)).work()}
    assert not {"train_sr", "train_recognizer", "crop_patches", "list_videos"} & set(work)
    assert work["prepare_clips"].jobs == 24 + 8


def test_weights_of_one_data_set_leave_the_others_training(raw):
    spec = raw["recognition"]["recognizers"]
    spec["tsn"]["weights"] = {stream: {"hmdb51": "w"} for stream in ("spatial", "temporal")}
    spec["st_resnet"]["weights"] = {stream: {"hmdb51": "w"} for stream in ("spatial", "temporal", "joint")}
    config = load(raw)
    work = {w.rule: w for w in Estimate(config, *_counts(config)).work()}
    assert work["train_recognizer"].jobs == 5
    # Nothing is trained on HMDB51's training clips.
    assert work["prepare_clips"].jobs == 64 + 24 + 8


def test_both_stages_of_the_joint_network_count(raw, monkeypatch):
    raw["compute"] = {"device": "cpu"}
    spec = raw["recognition"]["recognizers"]["st_resnet"]
    spec["weights"] = {stream: "w" for stream in ("spatial", "temporal")}
    del raw["datasets"]["hmdb51"], raw["tables"], spec["spatial"], spec["temporal"]
    for stage in spec["joint"].values():
        del stage["per_dataset"]
    raw["recognition"]["recognizers"] = {"st_resnet": spec}
    config = load(raw)
    table = {op: {"float32": 1.0} for op in cost.throughput()}
    monkeypatch.setattr(cost, "throughput", lambda: table)
    work = {w.rule: w for w in Estimate(config, *_counts(config)).work()}
    # Both streams see 5 and then 11 frames of each clip of a batch of 128, forward and back.
    assert work["train_recognizer"].cpu_hours == pytest.approx(2 * 3 * 128 * (5961 * 5 + 149 * 11) / 3600)


def _counts(config):
    return {name: count_clips(config, name) for name in config.datasets}, count_videos(config)


def test_views_of_a_clip(raw):
    recognizers = load(raw).recognition.recognizers
    views = {
        name: [spec.scored(stream).views(340, 256, 224) for stream in spec.streams]
        for name, spec in recognizers.items()
    }
    assert views["tsn"] == [250, 250]
    assert views["st_resnet"] == pytest.approx([2 * 25 * 340 * 256 / 224**2] * 3)
    # The joint network runs both backbones once more.
    joint = recognizers["st_resnet"].scored("joint")
    assert [operation.name for operation in stream_operations(joint, 224)] == [
        "recognition/resnet50/spatial",
        "recognition/resnet50/temporal",
    ]


def test_hours_by_hand(raw, monkeypatch):
    """One operation a second for each unit, on one core: hours are amounts over 3600."""
    table = {op: {"gflop": 1.0, "float32": 1.0} for op in cost.throughput()}
    monkeypatch.setattr(cost, "throughput", lambda: table)
    raw["compute"] = {"device": "cpu"}
    raw["methods"] = {"rcan": {"model": "rcan"}}
    raw["report"]["pictured"] = ["rcan"]
    raw["recognition"]["recognizers"] = {"tsn": raw["recognition"]["recognizers"]["tsn"]}
    for stream in ("spatial", "temporal"):
        raw["recognition"]["recognizers"]["tsn"][stream].pop("per_dataset", None)
    del raw["datasets"]["hmdb51"], raw["tables"]
    config = load(raw)
    work = {w.rule: w for w in Estimate(config, {"ucf101": constant(31, 10, 5)}, constant(40, 3, 0)).work()}
    assert work["list_clips"].cpu_hours == pytest.approx(15 * 31 / 3600)
    # A million steps of 16 patches of 128x128, forward and back.
    assert work["train_sr"].cpu_hours == pytest.approx(1_000_000 * 16 * 3 * 128**2 / (320 * 240) / 3600)
    # All fields of training clips; of 31 frames at test the starts 0 to 24 and the four fields behind each.
    assert work["extract_flow"].cpu_hours == pytest.approx((10 * 30 + 5 * 29) / 3600)
    assert work["super_resolve"].cpu_hours == pytest.approx(5 * 30 / 3600)
    assert work["score_clips"].cpu_hours == pytest.approx(5 * 2 * 250 / 3600)
    assert work["train_recognizer"].cpu_hours == pytest.approx((3500 + 18000) * 128 * 3 * 3 / 3600)
    assert [work[r].jobs for r in ("extract_flow", "super_resolve", "score_clips")] == [64 + 24, 24, 24]


def test_a_network_of_whole_clips_computes_each_frame_about_once(raw, monkeypatch):
    """A pass of a training sees seven frames for one; super-resolution shares what it computes."""
    table = {op: {"gflop": 1.0, "float32": 1.0} for op in [*cost.throughput(), "sr/basicvsr"]}
    monkeypatch.setattr(cost, "throughput", lambda: table)
    raw["compute"] = {"device": "cpu"}
    raw["superres"]["models"]["vsr"] = {"network": "basicvsr", "weights": "vsr.pth"}
    raw["methods"] = {"vsr": {"model": "vsr"}}
    raw["report"]["pictured"] = ["vsr"]
    raw["recognition"]["recognizers"] = {"tsn": raw["recognition"]["recognizers"]["tsn"]}
    for stream in ("spatial", "temporal"):
        raw["recognition"]["recognizers"]["tsn"][stream].pop("per_dataset", None)
    del raw["datasets"]["hmdb51"], raw["tables"]
    work = {
        w.rule: w for w in Estimate(load(raw), {"ucf101": constant(31, 10, 5)}, constant(40, 3, 0)).work()
    }
    # Of 31 frames the first 30 are read: one segment, with the 31st around it.
    assert work["super_resolve"].cpu_hours == pytest.approx(5 * 31 / 7 / 3600)


def test_the_networks_of_whole_clips_are_known():
    """Planning loads no torch, so it cannot tell from the classes."""
    found = {name: find(SRNetwork, name) for name in names(SRNetwork)}
    whole = {n: (c.frames, c.segment, c.overlap) for n, c in found.items() if issubclass(c, ClipNetwork)}
    assert {name: tuple(known) for name, known in cost.CLIP_NETWORKS.items()} == whole


def test_a_depth_that_is_not_given_is_the_networks_own():
    assert sr_operation(SRModel(network="vsr_duf")).name == "sr/vsr_duf_52"


def test_unknown_networks_are_named(raw):
    raw["superres"]["models"]["rcan"]["network"] = "json:JSONDecoder"
    assert "sr/json:JSONDecoder" in check(load(raw))


def test_a_demo_is_quiet(root):
    assert check(load_config(yaml.safe_load((root / "config.yaml").read_text()))) == ""


def test_the_command_reports_and_fails_where_something_is_missing(root, tmp_path, capsys):
    with pytest.raises(PreflightError, match="9 of the data"):
        preflight(root / "config/paper.yaml", tmp_path, tmp_path / "out")
    message = capsys.readouterr().out
    assert "together" in message
    assert "no GPU was measured" in message
    assert not (tmp_path / "out").exists()


def test_every_network_of_the_paper_has_a_figure(raw):
    config = load(raw)
    estimate = Estimate(config, *_counts(config))
    assert all(isinstance(rule, Work) for rule in estimate.work())
    assert not estimate.unknown
