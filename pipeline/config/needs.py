"""The data and weights that a configuration needs: which exist, and where to get and put the others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.config import Config
from pipeline.data.members import reader_problem
from pipeline.weights import WeightsError
from pipeline.weights.location import in_package, named_in_package, resolve

SOURCES = {
    r"training_videos\.root": (
        "the natural videos: the paper's 134, named in pipeline/data/cdvl134.csv, from www.cdvl.org (free "
        "account), some also at https://media.xiph.org/video/derf; or any varied set, with "
        "training_videos.listed: null"
    ),
    r"flow\.flownet2\.weights": (
        "FlowNet2_checkpoint.pth.tar, linked from the README of https://github.com/NVIDIA/flownet2-pytorch"
    ),
    r"superres\.feature_network\.weights": (
        "torchvision's ImageNet weights of VGG19, https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
    ),
    r".*resnet50 initial_weights": (
        "ImageNet weights of ResNet-50: MatConvNet's for args: {caffe: true}, https://www.vlfeat.org/matconvnet/"
        "models/imagenet-resnet-50-dag.mat; else torchvision's, https://download.pytorch.org/models/"
        "resnet50-0676ba61.pth"
    ),
    r".*bn_inception initial_weights": (
        "ImageNet weights of BN-Inception, bn_inception-52deb4733.pth, linked from "
        "https://github.com/Cadene/pretrained-models.pytorch"
    ),
    r".*r2plus1d_18 initial_weights": (
        "torchvision's Kinetics-400 weights of R(2+1)D-18, "
        "https://download.pytorch.org/models/r2plus1d_18-91a641e6.pth"
    ),
    r".*videomae initial_weights": (
        "a folder of VideoMAE with config.json and model.safetensors, such as "
        "https://huggingface.co/MCG-NJU/videomae-base"
    ),
    r"methods\..*\.frames": (
        "the super-resolved test clips, DATASET/CLIP as videos or folders of pictures; "
        "python -m pipeline export-lr writes the LR clips for the tool that makes them"
    ),
    r"superres\.models\..*\.weights": "the checkpoint that the network's authors published",
    r"recognition\.recognizers\..*\.weights\..*": "the checkpoint that the recogniser's authors published",
}
"""Sources of data and weights; the pattern is matched against a need's key, or its kind and field. Layouts of
data sets have their own ``sources``."""


@dataclass(frozen=True)
class Need:
    """One folder or file that the configuration needs.

    Attributes:
        key: key of the configuration.
        path: its path in the configuration; None if the key is not set.
        source: what it is and where to get it; empty if unknown.
    """

    key: str
    path: Path | None
    source: str

    @property
    def problem(self) -> str | None:
        """One line if it is missing or unreadable: key, path, what to do; otherwise None."""
        if self.path is None:
            return f"{self.key}: missing; give the path of {self.source}"
        if "weights" in self.key.split(".") and named_in_package(self.path):
            try:
                resolve(str(self.path))
            except WeightsError as error:
                return f"{self.key}: {error}"
        if self.path.exists():
            unreadable = reader_problem(self.path)
            return unreadable and f"{self.key}: {self.path}: {unreadable}"
        get = f"; put there {self.source}" if self.source else ""
        return f"{self.key}: {self.path} does not exist{get}"


def find_needs(config: Config) -> list[Need]:
    """All data and weights that the configuration names or lacks, except generated demo data."""
    needs = []
    if not config.demo:
        if not config.training_videos.root:
            needs.append(_need("training_videos.root", None))
        for name, dataset in config.datasets.items():
            needs += [
                Need(f"datasets.{name}.{field}", None, dataset.sources.get(field, ""))
                for field in ("root", "splits")
                if not getattr(dataset, field)
            ]
    generated = (config.output / "demo").resolve()
    for key, path in _paths("", config.model_dump(exclude={"output"})):
        if not (config.demo and path.resolve().is_relative_to(generated)):
            needs.append(_data_need(config, key, path) or _need(key, path))
    for name, recognizer in config.recognition.recognizers.items():
        if (weights := recognizer.initial_weights) and not in_package(weights):
            key = f"recognition.recognizers.{name}.initial_weights"
            needs.append(_need(key, Path(weights), f"{recognizer.network} initial_weights"))
    return needs


def _need(key: str, path: Path | None, kind: str = "") -> Need:
    found = (source for pattern, source in SOURCES.items() if re.fullmatch(pattern, kind or key))
    return Need(key, path, next(found, ""))


def _data_need(config: Config, key: str, path: Path) -> Need | None:
    """The need for a path of a data set, whose layout names its source; None for other paths."""
    section, _, rest = key.partition(".")
    if section != "datasets":
        return None
    name, field = rest.split(".", 1)
    return Need(key, path, config.datasets[name].sources.get(field, ""))


def _paths(key: str, value: Any) -> Iterator[tuple[str, Path]]:
    if isinstance(value, Path):
        yield key, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _paths(f"{key}.{name}" if key else str(name), item)
