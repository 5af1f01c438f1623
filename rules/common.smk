# The checked configuration, and where files lie.
import json

from snakemake.exceptions import WorkflowError

from pipeline.config_file import ConfigError, load_config
from pipeline.fingerprint import fingerprint

try:
    CONFIG = load_config(config)
except ConfigError as error:
    raise WorkflowError(str(error))

OUT = str(CONFIG.output)
ENVIRONMENT = f"{workflow.basedir}/envs/{'gpu' if CONFIG.compute.device == 'cuda' else 'cpu'}.yaml"
GPUS = int(CONFIG.compute.device == "cuda")
MODELS = CONFIG.superres.models
METHODS = CONFIG.methods
RECOGNIZERS = CONFIG.recognition.recognizers
SOURCES = list(dict.fromkeys(m.model for m in METHODS.values() if m.model))


wildcard_constraints:
    dataset="|".join(CONFIG.datasets),
    model="|".join(MODELS),
    source="|".join(["hr", *MODELS]),
    method="|".join(METHODS),
    recognizer="|".join(RECOGNIZERS),
    stream="spatial|temporal|joint",
    split="train|test",
    shard=r"\d+",
    engine="tvl1|flownet2",
    kind="sosr|tosr",


def as_json(section, *keys, **changes):
    """The named keys of a config section as text for one argument: what the stage reads, no more."""
    values = section.model_dump(mode="json", include=set(keys) if keys else None) | changes
    return json.dumps(values, sort_keys=True)


def network_module(stage, network):
    """Module of a network that the config names, for its fingerprint."""
    return network if ":" in network else f"pipeline.{stage}.networks.{network}"


def shards(dataset, split):
    return range(getattr(CONFIG.datasets[dataset].shards, split))


def hr_frames(dataset, split):
    return [f"{OUT}/data/{dataset}/{split}-{shard}/hr.h5" for shard in shards(dataset, split)]


def frames_of(dataset, source, split, shard):
    """Frame store of a source: the HR video itself, or what a model made of the LR video."""
    if source == "hr":
        return f"{OUT}/data/{dataset}/{split}-{shard}/hr.h5"
    return f"{OUT}/superres/frames/{dataset}/{source}/{split}-{shard}.h5"


def source_of(method, stream):
    """Model that makes a row's frames for a stream; a pairing takes it from its two rows."""
    row = METHODS[method]
    return row.model or METHODS[getattr(row, stream)].model
