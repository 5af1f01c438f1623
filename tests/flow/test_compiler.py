"""Compiling once into a cache that concurrent jobs share."""

import ctypes
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.flow import compiler
from pipeline.flow.compiler import CompilerError, cache_folder, compile_library, load_library

SOURCE = 'extern "C" int answer() { return 42; }\n'


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "answer.cpp"
    path.write_text(SOURCE)
    return path


def test_compiles_once_and_leaves_nothing_else(source, tmp_path, monkeypatch):
    monkeypatch.setenv("RECOSR_CACHE", str(tmp_path / "cache"))
    library = compile_library(source)
    stamp = library.stat().st_mtime_ns
    assert compile_library(source) == library
    assert library.stat().st_mtime_ns == stamp
    assert list((tmp_path / "cache").iterdir()) == [library]
    assert load_library(source).answer() == 42


def test_name_changes_with_source_header_and_cpu(source, tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    names = [compile_library(source, folder)]
    source.with_name("part.h").write_text("#pragma once\n")
    names.append(compile_library(source, folder))
    source.write_text(SOURCE.replace("42", "43"))
    names.append(compile_library(source, folder))
    monkeypatch.setattr(compiler, "cpu_identity", lambda: "another CPU")
    names.append(compile_library(source, folder))
    assert len(set(names)) == 4


@pytest.mark.skipif(platform.machine() != "x86_64", reason="names of x86-64 CPUs")
def test_a_named_cpu_is_compiled_for_and_has_a_library_of_its_own(source, tmp_path, monkeypatch):
    source.write_text('extern "C" int answer() {\n#ifdef __AVX2__\nreturn 2;\n#else\nreturn 1;\n#endif\n}\n')
    monkeypatch.delenv("RECOSR_MARCH", raising=False)
    names = [compile_library(source, tmp_path / "cache")]
    for cpu in ("x86-64", "x86-64-v3"):
        monkeypatch.setenv("RECOSR_MARCH", cpu)
        names.append(compile_library(source, tmp_path / "cache"))
    assert len(set(names)) == 3
    assert [ctypes.CDLL(str(name)).answer() for name in names[1:]] == [1, 2]
    monkeypatch.setenv("RECOSR_MARCH", "abacus")
    with pytest.raises(CompilerError, match="RECOSR_MARCH=abacus"):
        compile_library(source, tmp_path / "cache")


def test_concurrent_jobs_share_the_cache(source, tmp_path):
    code = (
        "import sys; from pathlib import Path; from pipeline.flow.compiler import load_library;"
        "print(load_library(Path(sys.argv[1])).answer())"
    )
    environment = os.environ | {"RECOSR_CACHE": str(tmp_path / "cache")}
    jobs = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(source)], env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    assert [job.communicate()[0].strip() for job in jobs] == ["42"] * 3
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_falls_back_to_flags_the_compiler_knows(source, tmp_path, monkeypatch):
    real = shutil.which("g++") or shutil.which("c++")
    wrapper = tmp_path / "old++"
    wrapper.write_text(
        f'#!/bin/sh\ncase "$*" in *native*) echo "unknown flag" >&2; exit 1;; esac\nexec {real} "$@"\n'
    )
    wrapper.chmod(0o755)
    monkeypatch.setenv("CXX", str(wrapper))
    monkeypatch.delenv("RECOSR_MARCH", raising=False)
    assert compile_library(source, tmp_path / "cache").exists()


def test_floating_point_mode_of_the_process_is_left_alone():
    code = (
        "import numpy as np; from pipeline.config import TVL1; from pipeline.flow.tvl1 import tvl1;"
        "f = np.zeros((20, 20), np.uint8); tvl1(f, f, TVL1());"
        "print(float(np.float32(1e-38) * np.float32(0.1)) > 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "True"


def test_no_compiler_is_an_error_that_says_what_to_do(source, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(CompilerError, match=r"no C\+\+ compiler found.*apt-get install"):
        compile_library(source, tmp_path / "cache")
    monkeypatch.setenv("CXX", "nonesuch++ -m64")
    with pytest.raises(CompilerError, match=r"CXX is 'nonesuch\+\+'"):
        compile_library(source, tmp_path / "cache")


def test_broken_source_is_an_error_with_the_compilers_words(source, tmp_path):
    source.write_text("int broken(")
    with pytest.raises(CompilerError, match=r"(?s)cannot compile .*answer\.cpp.*error"):
        compile_library(source, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_unusable_cache_folder_is_named(source, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CompilerError, match="RECOSR_CACHE"):
        compile_library(source, tmp_path / "file" / "cache")


def test_cache_folder_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("RECOSR_CACHE", str(tmp_path / "a"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "b"))
    assert cache_folder() == tmp_path / "a"
    monkeypatch.delenv("RECOSR_CACHE")
    assert cache_folder() == tmp_path / "b" / "recosr"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "recosr"
