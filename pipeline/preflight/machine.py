"""Checks what a run needs beside devices: a C++ compiler, and a folder for compiled code."""

from __future__ import annotations

from pathlib import Path

from pipeline.flow import compiler

TVL1 = Path(compiler.__file__).with_name("tvl1.cpp")


def machine_problems() -> list[str]:
    """One line per problem. Compiles TV-L1, which every run needs, unless it is compiled already."""
    try:
        compiler.load_library(TVL1)
    except compiler.CompilerError as error:
        return [f"flow.tvl1: {' '.join(str(error).split())}"]
    return []
