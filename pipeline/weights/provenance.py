"""Where weights come from, and which clips they were trained on. Needs no torch: it runs before any job.

A checkpoint's ``metadata`` holds ``source`` (file name, SHA-256 and family of what was imported) and
``trained_on`` (data set and official split of a recogniser).
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from pipeline.weights import WeightsError
from pipeline.weights.description import read_description

DATASETS = ("ucf101", "hmdb51")
SPLITS = (1, 2, 3)


def describe_file(path: Path, family: str) -> dict[str, str]:
    """Name, SHA-256 and family of a published file; a TensorFlow index is hashed with its data files."""
    digest = hashlib.sha256()
    parts = sorted(path.parent.glob(f"{path.stem}.data-*-of-*")) if path.suffix == ".index" else []
    for part in (path, *parts):
        with part.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return {"file": path.name, "sha256": digest.hexdigest(), "family": family}


def trained_on(dataset: str | None, split: int | None) -> dict[str, Any] | None:
    """The entry ``trained_on`` of a checkpoint; None if nothing is known.

    Raises:
        WeightsError: one without the other, another data set, or no official split.
    """
    if dataset is None and split is None:
        return None
    if dataset not in DATASETS or split not in SPLITS:
        raise WeightsError(
            f"dataset {dataset!r}, split {split!r}: expected both, one of {', '.join(DATASETS)} and one of "
            f"{', '.join(map(str, SPLITS))}"
        )
    return {"dataset": dataset, "split": split}


def named_split(path: Path) -> dict[str, Any] | None:
    """``trained_on`` as the names of published files tell it, None where they do not.

    ``ucf101_split_1_tsn_rgb_reference_bn_inception.caffemodel``, ``hmdb51-ST-ResNet50-final-split=2.mat``,
    ``ucf101-img-resnet50-split1-dr0.mat``.
    """
    name = path.name.lower()
    dataset = re.search(r"ucf-?101|hmdb-?51", name)
    split = re.search(r"split[-_= ]?0?([123])(?!\d)", name)
    return trained_on(dataset[0].replace("-", ""), int(split[1])) if dataset and split else None


def recorded_split(path: Path) -> dict[str, Any] | None:
    """``trained_on`` of a checkpoint: what it records, or else what its name says; None if neither does.

    Only a checkpoint's description is read, not its tensors.

    Raises:
        DamagedError: a damaged checkpoint.
    """
    about = read_description(path)
    if about and (recorded := about.metadata.get("trained_on")):
        return trained_on(recorded["dataset"], recorded["split"])
    return named_split(path)


def check_split(path: Path, dataset: str, split: int) -> None:
    """Refuse a recogniser that saw test clips in its training.

    Args:
        path: its checkpoint, of ours or published.
        dataset: layout of the data set that it would score ("ucf101", "hmdb51").
        split: official split of that data set.

    Raises:
        WeightsError: it was trained on another split of that data set, which holds test clips of this one.
        DamagedError: a damaged checkpoint.
    """
    trained = recorded_split(path)
    if trained and trained["dataset"] == dataset and trained["split"] != split:
        found = trained["split"]
        raise WeightsError(
            f"{path} was trained on split {found} of {dataset}, whose training clips are among the test "
            f"clips of split {split}; give weights of split {split}, or set the data set's split to {found}"
        )
