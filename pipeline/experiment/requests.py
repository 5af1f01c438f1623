"""What each job is asked: the configuration's values that it reads, by the wildcards of its rule."""

from __future__ import annotations

from pipeline.config import Config
from pipeline.experiment.files import Files
from pipeline.experiment.rows import Rows
from pipeline.quality.request import MeasureQuality


class Requests:
    """One method a rule, which fills the request of its stage; in the order of the data."""

    def __init__(self, config: Config, rows: Rows, files: Files) -> None:
        self.config, self.rows, self.files = config, rows, files

    def measure_quality(self, dataset: str, model: str, shard: str) -> MeasureQuality:
        """Quality of a model's frames of a shard."""
        config = self.config
        return MeasureQuality.of(config.quality, config.flow, dataset=dataset, model=model, shard=int(shard))
