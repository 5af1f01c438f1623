"""Checks of data sets whose videos are low-resolution by themselves (``resolution: native``)."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.config import Config


def native_problems(config: Config) -> Iterator[str]:
    """One line for each key that asks for HR where there is none, or for a recogniser that nobody trains."""
    natives = {name: data for name, data in config.datasets.items() if data.native}
    others = [name for name in config.datasets if name not in natives]
    for name, data in natives.items():
        key, source = f"datasets.{name}.recognizer_from", data.recognizer_from
        if source is not None and source not in others:
            known = ", ".join(others) or "none in this configuration"
            yield f"{key}: {source!r} is not a data set with HR; known: {known}"
        if data.degradations:
            yield f"datasets.{name}.degradations: its videos are LR as they are; leave it out"
        for recognizer, spec in config.recognition.recognizers.items():
            for stream in spec.streams:
                if source is None and not spec.weights_for(stream, name):
                    weights = f"recognition.recognizers.{recognizer}.weights.{stream}"
                    yield (
                        f"{key}: missing, and so is {weights} for {name}, which has no HR to train on; give "
                        "a data set with these classes, or weights"
                    )
    for name, method in config.methods.items():
        if natives and not others and method.model == "hr":
            yield (
                f"methods.{name}.model: hr, but all data sets have resolution: native, so there is no HR; "
                "remove the row"
            )
    asked = {f"tables.{n}": table.datasets for n, table in config.tables.items() if table and table.needs_hr}
    for key, names in {**asked, "quality": config.quality.datasets}.items():
        for name in names or ():
            if name in natives:
                yield f"{key}.datasets: {name!r} has resolution: native, but this needs HR; leave it out"
