"""Families of releases and how their names become ours, one file a family.

A family is a function from a file's tensors and a network to tensors under that network's keys, or None
where the file is plainly of another family. It renames, turns axes and permutes channels; it does not judge
whether the result fits (``fitting`` does).
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from pipeline.weights.families import basicvsr, duf, esrgan, matconvnet, plain, rcan, srgan, tsn, videomae
from pipeline.weights.formats import Source

Family = Callable[[Source, nn.Module], dict[str, Tensor] | None]

FAMILIES: dict[str, Family] = {
    "VSR-DUF, BasicSR's port": duf.basicsr,
    "own names": plain.own_names,
    "ESRGAN, old": esrgan.old,
    "ESRGAN, middle": esrgan.middle,
    "RCAN, BasicSR": rcan.basicsr,
    "SRGAN, trunk": srgan.trunk,
    "VSR-DUF, TensorFlow": duf.tensorflow,
    "VSR-DUF, EDVR's port": duf.edvr,
    "BasicVSR, mmediting": basicvsr.mmediting,
    "TSN, torch": tsn.port,
    "TSN, Caffe": tsn.caffe,
    "MatConvNet": matconvnet.dagnn,
    "VideoMAE": videomae.published,
}
"""By name, in the order in which ties are settled."""

NOTES: dict[str, Callable[[nn.Module], str]] = {"VSR-DUF, BasicSR's port": duf.epsilon_note}
"""What is to be said of an import of a family, given the network."""
