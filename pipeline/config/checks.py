"""Checks of a configuration across its sections: names that must exist, and values that must fit together."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.config import Config, Method, SRTraining
from pipeline.config.native import native_problems
from pipeline.config.stream_training import DatasetTraining, StreamTraining
from pipeline.config.tables import table_problems
from pipeline.config.trained_on import trained_on_problem
from pipeline.errors import PipelineError
from pipeline.plugins import files
from pipeline.weights import WeightsError
from pipeline.weights.location import IN_FOLDER, in_package, resolve
from pipeline.weights.provenance import check_split


def cross_problems(config: Config) -> Iterator[str]:
    """One line for each problem, which names the key, what was found and what is expected."""
    for check in (
        _model_problems,
        _row_problems,
        _dataset_problems,
        native_problems,
        _page_problems,
        table_problems,
        _recognizer_problems,
        _device_checks,
        _scale_checks,
        _degradation_checks,
        _flow_problems,
    ):
        yield from check(config)


def _imported(config: Config) -> list[str]:
    """Rows of frames that another tool made."""
    return [name for name, method in config.methods.items() if method.frames]


def _model_problems(config: Config) -> Iterator[str]:
    models, imported = config.superres.models, _imported(config)
    for name, model in models.items():
        key = f"superres.models.{name}"
        if model.init in imported:
            yield f"{key}.init: {model.init!r} is a row with frames, which have no weights; name a model"
        elif model.init and model.init not in models:
            yield f"{key}.init: {model.init!r} is not a model; known: {', '.join(models)}"
        if model.init and name in _ancestors(config, name):
            yield f"{key}.init: the chain of init leads back to {name}"
        if problem := _network_problem(model.network, "pipeline.superres.networks"):
            yield f"{key}.network: {problem}"
        if model.training:
            yield from _training_checks(config, key, model.training)


def _row_problems(config: Config) -> Iterator[str]:
    models, methods, imported = config.superres.models, config.methods, _imported(config)
    for name, method in methods.items():
        if method.frames:
            yield from _frames_problems(name, method, models)
        elif method.model and method.model not in ("hr", *models, *imported):
            known = ", ".join(["hr", *models, *imported])
            yield f"methods.{name}.model: {method.model!r} is not a model; known: {known}"
        for stream in ("spatial", "temporal"):
            row = getattr(method, stream)
            if row and (row not in methods or methods[row].model is None):
                known = ", ".join(m for m in methods if methods[m].model)
                yield f"methods.{name}.{stream}: {row!r} is not a row with a model; known: {known}"
    for row in config.report.pictured:
        if row not in methods:
            yield f"report.pictured: {row!r} is not a row; known: {', '.join(methods)}"


def _dataset_problems(config: Config) -> Iterator[str]:
    for name, data in config.datasets.items():
        if data.split_of and not name.endswith(f"_{data.split}"):
            yield f"datasets.{name}.split_of: the run sets it for each split of a list; leave it out"


def _page_problems(config: Config) -> Iterator[str]:
    for name in config.report.page.tables or ():
        if not config.tables.get(name):
            known = ", ".join(name for name, table in config.tables.items() if table)
            yield f"report.page.tables: {name!r} is not a table; known: {known}"


def _recognizer_problems(config: Config) -> Iterator[str]:
    methods = config.methods
    for name, recognizer in config.recognition.recognizers.items():
        key = f"recognition.recognizers.{name}"
        if problem := _network_problem(recognizer.network, "pipeline.recognition.networks"):
            yield f"{key}.network: {problem}"
        trained_on, baseline = recognizer.trained_on, config.report.baseline
        if problem := trained_on_problem(f"{key}.trained_on", trained_on, methods, baseline):
            yield problem
        if problem := _initial_weights_problem(recognizer.initial_weights):
            yield f"{key}.initial_weights: {problem}"
        for stream in recognizer.streams:
            training = recognizer.training_of(stream)
            trained = [d for d, data in config.datasets.items() if not data.native]
            if training is None and not all(recognizer.weights_for(stream, d) for d in trained):
                yield f"{key}.{stream}: give either this training or {key}.weights.{stream}"
            for path in {recognizer.weights_for(stream, dataset) for dataset in config.datasets}:
                if path and path.parent.is_dir() and path.name == IN_FOLDER and not path.is_file():
                    yield f"{key}.weights.{stream}: {path.parent} holds no {IN_FOLDER}; give a file"
            given = recognizer.weights.get(stream)
            for dataset in given if isinstance(given, dict) else ():
                if dataset not in config.datasets:
                    yield f"{key}.weights.{stream}: {dataset!r} is not a data set of this config"
            for part, section in training.sections(f"{key}.{stream}").items() if training else ():
                for dataset in section.per_dataset:
                    if dataset not in config.datasets:
                        yield f"{part}.per_dataset: {dataset!r} is not a data set of this config"
        if min(config.recognition.frame_size) < recognizer.crop:
            yield (
                f"{key}.crop: {recognizer.crop} does not fit into "
                f"recognition.frame_size {config.recognition.frame_size}"
            )


def _flow_problems(config: Config) -> Iterator[str]:
    if config.patches.spatial_flow == "flownet2" and not config.flow.flownet2.weights:
        yield (
            "flow.flownet2.weights: missing, but patches.spatial_flow is flownet2; give the path of NVIDIA's "
            "FlowNet2_checkpoint.pth.tar, or set patches.spatial_flow to tvl1 (slightly worse in the paper)"
        )


def _scale_checks(config: Config) -> Iterator[str]:
    """Lines for sizes that ``scale`` does not divide, and for published numbers, which are of scale 4."""
    scale, size = config.scale, config.patches.size
    if size % scale:
        yield f"patches.size: {size} must be a multiple of {scale}, the scale"
    for name, dataset in config.datasets.items():
        if dataset.published and scale != 4:
            yield (
                f"datasets.{name}.published: published numbers are of scale 4, but scale is {scale}; set "
                "published to null"
            )


def _degradation_checks(config: Config) -> Iterator[str]:
    """Lines for names of degradations that are not there, or that no table shows."""
    named = {f"datasets.{name}.degradations": data.degradations for name, data in config.datasets.items()}
    for name, model in config.superres.models.items():
        if model.training and model.training.degradation:
            yield from _unknown(
                f"superres.models.{name}.training.degradation", [model.training.degradation], config
            )
    shown = [table for table in config.tables.values() if table and table.shows_degradations]
    for key, names in named.items():
        yield from _unknown(key, names, config)
        if len(set(names)) < len(names):
            yield f"{key}: a name is there twice; keep one"
        if names and not shown:
            yield f"{key}: no table shows them; add tables: {{degradations: {{}}}}, or take them out"


def _unknown(key: str, names: list[str], config: Config) -> Iterator[str]:
    for name in names:
        if name not in config.degradations:
            known = ", ".join(config.degradations) or "none"
            yield f"{key}: {name!r} is not one of degradations; known: {known}"


def _frames_problems(name: str, method: Method, models: Iterable[str]) -> Iterator[str]:
    """Lines for a row with frames that names a model, or is named like one."""
    key = f"methods.{name}"
    if method.model != name:
        yield f"{key}.frames: the row also has model {method.model!r}; give one of the two"
    elif name == "hr":
        yield f"{key}.frames: a source named hr is the original frames; rename the row"
    elif name in models:
        yield f"{key}.frames: superres.models has a {name}, too; rename the row"


def _training_checks(config: Config, key: str, training: SRTraining) -> Iterator[str]:
    losses = training.terms
    if not losses:
        yield f"{key}.training.losses: nothing to minimise; give at least one, such as pixel"
    if training.pairs and training.patches != "tosr":
        of = " and ".join(name for name, loss in losses.items() if loss.pairs)
        yield f"{key}.training.patches: the loss {of} needs pairs; set it to tosr"
    if training.crop and (training.crop % config.scale or training.crop > config.patches.size):
        yield (
            f"{key}.training.crop: {training.crop} must be a multiple of {config.scale}, the scale, "
            f"and at most patches.size {config.patches.size}"
        )
    for name, loss in losses.items():
        yield from loss.problems(f"{key}.training.losses.{name}", training, config)
    features = config.superres.feature_network
    if (
        any(loss.features for loss in losses.values())
        and features.network == "vgg19"
        and not features.weights
    ):
        yield (
            f"superres.feature_network.weights: missing, but {key} has a feature loss; give the path of "
            "torchvision's vgg19 weights, or set superres.feature_network.network to random_features"
        )


def _device_checks(config: Config) -> Iterator[str]:
    """Lines for a precision that the device lacks, and for batches that do not divide among devices."""
    if config.compute.precision == "tf32" and config.compute.device == "cpu":
        yield "compute.precision: tf32 needs a GPU, but compute.device is cpu; set float32 or bfloat16"
    models = config.superres.models.items()
    sizes = {
        f"superres.models.{name}.training": model.training.batch_size
        for name, model in models
        if model.training
    }
    micro: dict[str, int] = {}
    for name, recognizer in config.recognition.recognizers.items():
        parts: dict[str, DatasetTraining] = {}
        for stream in recognizer.streams:
            if training := recognizer.training_of(stream):
                parts |= training.sections(f"recognition.recognizers.{name}.{stream}")
        for key, section in parts.items():
            sections: dict[str, StreamTraining] = {key: section}
            for dataset in section.per_dataset:
                sections[f"{key}.per_dataset.{dataset}"] = section.for_dataset(dataset)
            sizes |= {key: section.batch_size for key, section in sections.items()}
            micro |= {key: section.micro_batch or 1 for key, section in sections.items()}
    devices = config.compute.devices
    for key, size in sizes.items():
        if size % devices:
            yield f"{key}.batch_size: {size} cannot be divided equally among {devices} compute.devices"
        elif size // devices % micro.get(key, 1):
            yield (
                f"{key}.micro_batch: {micro[key]} does not divide a device's part of batch_size, "
                f"{size // devices} clips"
            )


def _ancestors(config: Config, name: str) -> list[str]:
    """Models that ``name`` starts from, nearest first; ends where the chain would repeat."""
    chain: list[str] = []
    model = config.superres.models[name]
    while model.init and model.init in config.superres.models and model.init not in chain:
        chain.append(model.init)
        model = config.superres.models[model.init]
    return chain


def _network_problem(network: str, home: str) -> str | None:
    # Classes are not checked here, because their modules load torch. The process that builds networks does.
    known = files(home)
    module, _, class_name = network.partition(":")
    if network in known or (class_name and _is_module(module)):
        return None
    missing = f"no module {module}" if class_name else f"no {network!r}"
    return f"{missing}; give package.module:Class or one of {', '.join(known)}"


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _initial_weights_problem(weights: str | None) -> str | None:
    if not weights or not (in_package(weights) or Path(weights).is_dir()):
        return None  # a file, which find_needs checks
    try:
        resolve(weights)
    except WeightsError as error:
        return str(error)
    return None


def split_problems(config: Config) -> Iterator[str]:
    """Lines for recognisers whose published weights were trained on clips of the test split."""
    for name, recognizer in config.recognition.recognizers.items():
        for stream in recognizer.weights:
            for dataset, data in config.datasets.items():
                path = recognizer.weights_for(stream, dataset)
                try:
                    if path:
                        check_split(path, data.layout, data.split)
                except PipelineError as error:
                    yield f"recognition.recognizers.{name}.weights.{stream}: {error}"
