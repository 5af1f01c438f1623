"""`make portability`: its settings reach the libraries, and it says what it skipped and what failed."""

import json
import os
import platform
import subprocess
import sys

import portability
import pytest
from portability import Run, cpu_flags, runs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="settings of x86-64"),
]

LIBRARIES = """
import json, cv2, numpy as np, torch
print(json.dumps({
    "numpy": np.show_config(mode="dicts")["SIMD Extensions"].get("found", []),
    "torch": torch.backends.cpu.get_cpu_capability(),
    "opencv": cv2.checkHardwareSupport(11),  # CV_CPU_AVX2
    "ipp": cv2.ipp.useIPP(),
}))
"""


@pytest.mark.parametrize("name", ["any x86-64", "AVX2"])
def test_settings_reach_the_libraries(name):
    run = next(run for run in runs() if run.name == name)
    if run.obstacle(cpu_flags()):
        pytest.skip(run.obstacle(cpu_flags()))
    environment = os.environ | run.environment | {"OPENBLAS_VERBOSE": "2"}
    result = subprocess.run(
        [sys.executable, "-c", LIBRARIES], env=environment, capture_output=True, text=True, check=True
    )
    found = json.loads(result.stdout.splitlines()[-1])
    assert "unknown" not in result.stderr  # OpenCV names features that it does not know
    # OpenBLAS calls its code for Prescott by the older name.
    core = {"any x86-64": ("Core: Katmai", "Core: Prescott"), "AVX2": ("Core: Haswell",)}[name]
    assert any(line in result.stdout + result.stderr for line in core)
    assert found["torch"] == {"any x86-64": "DEFAULT", "AVX2": "AVX2"}[name]
    assert not [feature for feature in found["numpy"] if name == "any x86-64" or "512" in feature]
    assert found["opencv"] == (name == "AVX2")
    assert name == "AVX2" or not found["ipp"]


def test_it_says_what_passed_failed_and_was_skipped(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Nonesuch")
    monkeypatch.setenv("CXX", "nonesuch++")
    path = tmp_path / "test_it.py"
    path.write_text(
        "import os\n"
        "def test_clean(): assert 'CXX' not in os.environ and 'OPENBLAS_CORETYPE' not in os.environ\n"
        "def test_set(): assert os.environ['NPY_DISABLE_CPU_FEATURES'] == 'X86_V4'\n"
    )
    tests = (str(path), "-p", "no:cacheprovider")
    monkeypatch.setattr(
        portability,
        "runs",
        lambda: [
            Run("one", {"NPY_DISABLE_CPU_FEATURES": "X86_V4"}, tests),
            Run("two", {"NPY_DISABLE_CPU_FEATURES": ""}, tests),
            Run("three", {}, tests, frozenset({"avx1024"})),
            Run("four", {"CXX": "nonesuch++"}, tests),
        ],
    )
    monkeypatch.setattr(sys, "argv", ["portability.py"])
    assert portability.main() == 1
    summary = capfd.readouterr().out.split("== summary\n")[1].splitlines()
    assert summary[:2] == ["one: passed", "two: FAILED"]
    assert summary[2].startswith("three: skipped: this processor lacks avx1024")
    assert summary[3].startswith("four: skipped: there is no nonesuch++")


def test_every_variable_that_it_sets_is_unset_first():
    assert all(name.startswith(portability.CHOSEN) for run in runs() for name in run.environment)
