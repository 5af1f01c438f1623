"""What a run needs of the machine, but for its devices: a C++ compiler and a folder for what it makes."""

from __future__ import annotations

from pathlib import Path

from pipeline.flow import compiler

TVL1 = Path(compiler.__file__).with_name("tvl1.cpp")


def machine_problems() -> list[str]:
    """Lines for what is missing. TV-L1, which every run computes, is compiled now, if it was not before."""
    try:
        compiler.load_library(TVL1)
    except compiler.CompilerError as error:
        return [f"flow.tvl1: {' '.join(str(error).split())}"]
    return []
