"""GPU jobs: one at a time on this machine whatever the flags, side by side on a cluster."""

from __future__ import annotations

import pytest

MODELS = ["vdsr", "rcan", "srresnet"]


@pytest.mark.slow
@pytest.mark.parametrize("flags", [("--cores", "4"), ("--cores", "4", "--jobs", "4", "--resources", "gpu=4")])
def test_local_gpu_jobs_never_meet(train, tmp_path, flags):
    run = train("cuda", MODELS, *flags, hold=0.3)
    output, _ = run.communicate(timeout=180)
    assert run.returncode == 0, output
    assert len((tmp_path / "jobs").read_text().split()) == len(MODELS)
    assert not (tmp_path / "met").exists()


@pytest.mark.slow
def test_without_a_gpu_the_same_jobs_meet(train, tmp_path):
    """The test above can fail: it is the GPU that keeps the jobs apart."""
    run = train("cpu", MODELS, "--cores", "4", hold=30)
    output, _ = run.communicate(timeout=180)
    assert run.returncode == 0, output
    assert (tmp_path / "met").exists()


@pytest.mark.slurm
@pytest.mark.slow
def test_gpu_jobs_meet_on_a_cluster_each_with_its_own_gpu(slurm, profile, train, tmp_path):
    run = train("cuda", MODELS[:2], "--profile", str(profile), hold=60)
    output, _ = run.communicate(timeout=180)
    assert run.returncode == 0, output
    assert (tmp_path / "met").exists()
    assert sorted((tmp_path / "jobs").read_text().split()) == ["0", "1"]
