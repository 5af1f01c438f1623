"""Preflight's measurement: its file, and the hours derived from it."""

import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
import torch
import yaml

from pipeline import cli
from pipeline.config import Compute
from pipeline.config.load import load_config
from pipeline.preflight import measure
from pipeline.preflight.cost import Estimate
from pipeline.preflight.counts import count_clips, count_videos
from pipeline.preflight.measure import build, measure_operations
from pipeline.preflight.report import check
from pipeline.preflight.throughput import GPU_TFLOPS, Operation, ThroughputError, read_measured, throughput
from pipeline.training.torch_settings import DeviceError

VDSR = "sr/vdsr depth=2 features=4,320x240 frame"
PASSES = 100 * 4 * 3 * 32**2 / (320 * 240)
"""Of one frame, that the training of ``raw`` takes: forward and back."""


@pytest.fixture
def raw(root: Path, tmp_path: Path) -> dict:
    """A tiny VDSR, trained for 100 steps of 4 patches of 32x32, and TSN with weights; no data are there."""
    raw = yaml.safe_load((root / "config/paper.yaml").read_text())
    recipe = raw["superres"]["models"]["vdsr"]["training"]
    training = recipe | {"iterations": 100, "batch_size": 4, "milestones": []}
    model = {"network": "vdsr", "args": {"depth": 2, "features": 4}, "training": training}
    tsn = raw["recognition"]["recognizers"]["tsn"] | {
        "weights": {"spatial": "w", "temporal": "w"},
        "crop": 32,
    }
    del raw["datasets"]["hmdb51"], raw["tables"], tsn["initial_weights"]
    for stream in ("spatial", "temporal"):
        del tsn[stream]["per_dataset"]
    raw["superres"]["models"] = {"vdsr": model}
    raw["patches"] |= {"size": 32, "spatial_flow": "tvl1"}
    raw["methods"] = {"vdsr": {"model": "vdsr"}, "hr": {"model": "hr"}}
    raw["report"] |= {"pictured": ["vdsr"], "baseline": "vdsr"}
    raw["recognition"]["recognizers"] = {"tsn": tsn}
    places = {"data_root": str(tmp_path / "data"), "output": str(tmp_path / "results")}
    return raw | places | {"compute": {"device": "cpu"}}


def load(raw: dict):
    return load_config(raw, data_must_exist=False)


def report(raw: dict) -> str:
    """The report, in one line."""
    return " ".join(check(load(raw)).split())


def hours(raw: dict, rule: str = "train_sr") -> tuple[float, float]:
    """CPU and GPU hours of a rule."""
    config = load(raw)
    clips = {name: count_clips(config, name) for name in config.datasets}
    estimate = Estimate(config, clips, count_videos(config), read_measured(config))
    work = {work.rule: work for work in estimate.work()}
    return work[rule].cpu_hours, work[rule].gpu_hours


def measured_file(raw: dict) -> Path:
    return Path(raw["output"], "throughput.csv")


def write(raw: dict, *rows: str, columns: str = "operation,unit,device,precision,seconds") -> None:
    path = measured_file(raw)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["# A machine, torch 9, 2030-01-01", columns, *rows, ""]))


def test_the_command_measures_what_the_run_needs_and_reports_on_it(raw, tmp_path, capsys):
    given = tmp_path / "config.yaml"
    given.write_text(yaml.safe_dump(raw))
    # The networks are measured although data and weights are missing.
    assert cli.main(["preflight", "--config", str(given), "--measure"]) == 1
    message = " ".join(capsys.readouterr().out.split())
    assert "measured on one core of" in message
    assert f"torch {torch.__version__}" in message
    assert "Not measured there" not in message
    _, header, *rows = measured_file(raw).read_text().splitlines()
    seconds = dict(row.rsplit(",", 1) for row in rows)
    assert seconds.keys() == {
        f"{VDSR},cpu,float32",
        "recognition/bn_inception/spatial in_channels=3,32x32 view,cpu,float32",
        "recognition/bn_inception/temporal in_channels=10,32x32 view,cpu,float32",
    }
    expected = PASSES * float(seconds[f"{VDSR},cpu,float32"]) / 3600
    assert hours(raw) == pytest.approx((expected, 0))
    # It reads what it wrote: other seconds give other hours.
    write(raw, f"{VDSR},cpu,float32,7.5", columns=header)
    assert hours(raw) == pytest.approx((PASSES * 7.5 / 3600, 0))
    rest = "recognition/bn_inception/spatial, recognition/bn_inception/temporal"
    assert f"Not measured there: {rest}." in report(raw)


def test_seconds_of_a_gpu_are_its_hours(raw):
    raw["compute"] = {"device": "cuda", "precision": "bfloat16"}
    write(raw, f"{VDSR},cuda,bfloat16,0.25")
    assert hours(raw) == pytest.approx((0, PASSES * 0.25 / 3600))
    message = report(raw)
    assert f"measured on A machine, torch 9, 2030-01-01 ({measured_file(raw)})" in message
    rest = "recognition/bn_inception/spatial, recognition/bn_inception/temporal"
    assert f"GPU hours of {rest} are extrapolated: counted operations at 30 TFLOP/s" in message
    assert "no GPU was measured" not in message


@pytest.mark.parametrize("where", ["cpu,float32", "cuda,bfloat16"])
def test_seconds_of_another_device_or_precision_are_not_used(raw, where):
    raw["compute"] = {"device": "cuda"}
    write(raw, f"{VDSR},{where},7.5")
    assert hours(raw)[1] == pytest.approx(PASSES * throughput()["sr/vdsr"]["gflop"] / 8e3 / 3600)
    assert f"throughput.csv is for {where.replace(',', ' in ')} and is not used" in report(raw)
    assert "no GPU was measured" in report(raw)


@pytest.mark.parametrize("other", [VDSR.replace("depth=2", "depth=3"), VDSR.replace("320x240", "640x480")])
def test_seconds_of_a_network_of_another_size_are_not_used(raw, other):
    write(raw, f"{other},cpu,float32,7.5")
    assert hours(raw)[0] == pytest.approx(PASSES * throughput()["sr/vdsr"]["float32"] / 3600)
    assert "Not measured there: recognition/bn_inception/spatial" in report(raw)


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([f"{VDSR},cpu,float32,fast"], "fast"),
        ([f"{VDSR},cpu,float32,-1"], "-1"),
        ([f"{VDSR},cpu,float32,nan"], "nan"),
        ([f"{VDSR},cpu"], "None"),
        ([], "no rows"),
    ],
)
def test_a_malformed_file_is_refused(raw, rows, found):
    write(raw, *rows)
    with pytest.raises(ThroughputError, match=f"{measured_file(raw)}: .*{found}.*delete the file"):
        check(load(raw))


def test_a_file_with_other_columns_is_refused(raw):
    write(raw, "sr/vdsr,1.0", columns="operation,seconds")
    with pytest.raises(ThroughputError, match="expected the columns operation, unit, device"):
        check(load(raw))


def test_a_network_of_ones_own_is_measured_and_counted(raw, tmp_path, monkeypatch):
    (tmp_path / "own_sr.py").write_text(
        "from pipeline.superres.networks.bicubic import Bicubic\n"
        "class Own(Bicubic):\n"
        "    def __init__(self, depth: int) -> None:\n"
        "        super().__init__()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    raw["superres"]["models"]["vdsr"] |= {"network": "own_sr:Own", "args": {"depth": 3}}
    assert hours(raw) == (0, 0)
    assert "Not counted, because no figure is known: sr/own_sr:Own" in report(raw)
    measure_operations(load(raw))
    assert "sr/own_sr:Own depth=3" in measured_file(raw).read_text()
    assert hours(raw)[0] > 0
    assert "Not counted" not in report(raw)


def test_a_gpu_is_given_batches_and_seconds_are_of_one_unit(raw, monkeypatch):
    raw["compute"] = {"device": "cuda"}
    raw["patches"]["spatial_flow"] = "flownet2"
    raw["flow"]["flownet2"]["network"] = "flownet2_s"
    shapes = []

    def time_pass(network, inputs, compute) -> float:
        shapes.append(tuple(inputs.shape))
        return 1.0

    monkeypatch.setattr(measure, "time_pass", time_pass)
    monkeypatch.setattr(measure, "check_devices", lambda compute: None)
    monkeypatch.setattr(measure, "device_name", lambda compute: "a GPU")
    measure_operations(load(raw))
    # As many frames as two million pixels are, and pairs one by one, as the run takes them.
    assert shapes == [(1, 3, 2, 256, 320), (26, 1, 3, 60, 80), (16, 3, 32, 32), (16, 10, 32, 32)]
    assert hours(raw)[1] == pytest.approx(PASSES / 26 / 3600, rel=1e-3)


@pytest.mark.parametrize(
    ("operation", "out"),
    [
        (Operation("sr", "sr/vsr_duf_16", "vsr_duf", "64x32 frame", {"units": 1, "head": 8}), (3, 32, 64)),
        (Operation("discriminator", "", "vgg128", "32x32 image", {"features": 2, "size": 32}), (1,)),
        (Operation("features", "features/vgg19", "vgg19", "32x16 image"), (512, 1, 2)),
        (Operation("recognition", "", "resnet50", "64x32 view", {"in_channels": 4}), (101,)),
        (Operation("flow", "flownet2_s", "flownet2_s", "128x64 pair"), (2, 64, 128)),
    ],
)
def test_every_kind_of_network_is_built_with_its_input(operation, out):
    network, shape = build(operation)
    with torch.no_grad():
        assert network(torch.rand(2, *shape)).shape == (2, *out)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_reported(raw):
    raw["compute"] = {"device": "cuda"}
    with pytest.raises(DeviceError, match="no CUDA device"):
        measure_operations(load(raw))
    assert not measured_file(raw).exists()


def test_flow_counts_as_float32_in_every_precision(raw):
    raw["compute"] = {"device": "cuda", "precision": "bfloat16"}
    raw["patches"]["spatial_flow"] = "flownet2"
    config = load(raw)
    videos = count_videos(config)
    pairs = config.patches.frames_per_video * videos.clips("train") * videos.pixels / (320 * 256)
    expected = pairs * throughput()["flownet2"]["gflop"] / 8e3 / 3600
    assert hours(raw, "extract_training_flow")[1] == pytest.approx(expected)


def test_every_precision_has_an_assumed_speed():
    assert set(get_args(Compute.model_fields["precision"].annotation)) <= set(GPU_TFLOPS)


def test_the_report_does_without_torch(root):
    """The Snakefile imports it at every start."""
    code = "import sys, pipeline.preflight.report; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)
