"""What a configuration runs: rows, trainings, files and requests, for the rules, preflight and tests."""

from __future__ import annotations

from pipeline.config import Config
from pipeline.experiment.code import Code
from pipeline.experiment.files import Files, Given
from pipeline.experiment.models import Models
from pipeline.experiment.requests import Requests
from pipeline.experiment.rows import TWO_STREAMS, Rows

__all__ = ["TWO_STREAMS", "Experiment", "Given"]


class Experiment:
    """The experiment of a checked configuration. It only derives names and paths, and reads no data.

    Attributes:
        config: the configuration.
        rows: rows, recognisers, their streams and the sources of their frames.
        models: SR networks and their trainings.
        files: files that jobs read.
        code: modules that jobs load by name.
        requests: settings of jobs.

    Example: ``Experiment(load_config(raw)).rows.scored_streams("tsn", "sosr")``
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.rows = Rows(config)
        self.models = Models(config)
        self.files = Files(config, self.rows, self.models)
        self.code = Code(config, self.rows, self.files)
        self.requests = Requests(self)
