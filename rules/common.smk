# The checked configuration, where files lie, and what each stage reads.
import json
import os
import re
import sys
from pathlib import Path

from snakemake.cli import get_argument_parser
from snakemake.exceptions import WorkflowError
from snakemake.io import is_flagged

from pipeline.config import SRProgress
from pipeline.config_file import load_config
from pipeline.config_paths import target_problems
from pipeline.config_text import check_keys, without_empty
from pipeline.content import Contents
from pipeline.data.archive import is_archive
from pipeline.data.inventory import clips_inventory, files_inventory, videos_inventory
from pipeline.errors import PipelineError
from pipeline.fingerprint import fingerprint
from pipeline.preflight.inspection import Inspector
from pipeline.preflight.report import check
from pipeline.weights.location import resolve

# A dry run plans without data and weights and says what is missing; any other run stops before its first job.
PLANNING = workflow.output_settings.dryrun

# Networks, their weights and what jobs need of this machine are looked at once: jobs parse this file again.
MACHINE = (
    not PLANNING
    and workflow.resource_settings.cores is not None
    and workflow.resource_settings.nodes is None
    and not workflow.deployment_settings.deployment_method
)

try:
    if workflow.is_main_process:
        for path in workflow.configfiles:
            check_keys(Path(path))
        print(
            "".join(f"{line}\n" for line in without_empty(config)[1]),
            end="",
            file=sys.stderr,
        )
    inspector = Inspector(MACHINE) if workflow.is_main_process else None
    CONFIG = load_config(config, not PLANNING, inspector)
    if workflow.is_main_process:
        print(check(CONFIG), end="", file=sys.stderr)
        print("".join(f"{note}\n" for note in inspector.notes), end="", file=sys.stderr)
except PipelineError as error:
    raise WorkflowError(str(error))


def asked():
    """Files that the command line asks for. Snakemake tells a Snakefile only when its rules stand."""
    try:
        targets = get_argument_parser().parse_args(sys.argv[1:]).targets
    except SystemExit:  # another program than Snakemake's runs the workflow
        return []
    return [target for target in targets if not workflow.is_rule(target)]


OUT = str(CONFIG.output)
# Hashes of users' files, remembered between runs. A dry run makes no output folder for them.
CONTENTS = Contents(CONFIG.output / ".contents.json", create=not PLANNING)
ENVIRONMENT = f"{workflow.basedir}/envs/{'gpu' if CONFIG.compute.device == 'cuda' else 'cpu'}.yaml"
GPUS = int(CONFIG.compute.device == "cuda")
TRAINING_GPUS = GPUS * CONFIG.compute.devices
TRAINING_THREADS = CONFIG.compute.threads * CONFIG.compute.devices
MODELS = CONFIG.superres.models
METHODS = CONFIG.methods
RECOGNIZERS = CONFIG.recognition.recognizers
PICTURED = CONFIG.report.pictured

# Keys of a recogniser that its training, its scoring and the plan of frames read.
TRAINING_KEYS = {
    "tsn": [
        "protocol",
        "network",
        "args",
        "crop",
        "initial_weights",
        "flow_stack",
        "train_snippets",
    ],
    "st_resnet": [
        "protocol",
        "network",
        "args",
        "crop",
        "initial_weights",
        "flow_stack",
    ],
}
SCORING_KEYS = {
    "tsn": [
        "protocol",
        "network",
        "args",
        "crop",
        "flow_stack",
        "test_snippets",
        "test_crops",
    ],
    "st_resnet": [
        "protocol",
        "network",
        "args",
        "crop",
        "flow_stack",
        "temporal_pool",
        "test_frames",
    ],
}
# Keys of a recogniser that tables read.
LABEL_KEYS = ["label", "protocol", "fusion"]
PLAN_KEYS = {
    "tsn": ["protocol", "flow_stack", "test_snippets"],
    "st_resnet": ["protocol", "flow_stack", "test_frames"],
}


wildcard_constraints:
    dataset="|".join(CONFIG.datasets),
    model="|".join(MODELS),
    source="|".join(["hr", *MODELS]),
    stream="spatial|temporal|joint",
    split="train|test",
    shard=r"\d+",
    engine="tvl1|flownet2",
    kind="sosr|tosr",
    part="videos|splits",


def one_of(names):
    """Wildcard constraint: one of the names. Snakemake takes an empty one for none at all."""
    return "|".join(map(re.escape, names)) or "(?!)"


def as_text(value, **options):
    """JSON for one argument. Snakemake fills in {word} in params, so braces inside strings are escaped."""
    text = json.dumps(value, **options)
    return re.sub(
        r'"(?:[^"\\]|\\.)*"',
        lambda string: string[0].replace("{", r"\u007b").replace("}", r"\u007d"),
        text,
    )


def as_json(section, *keys, **changes):
    """The named keys of a config section as text for one argument: what the stage reads, no more."""
    values = (
        section.model_dump(mode="json", include=set(keys) if keys else None) | changes
    )
    return as_text(values, sort_keys=True)


# What inference reads of the compute section: one device.
INFERENCE = as_json(CONFIG.compute, "device", "threads", "precision")


def as_map(sections, *keys):
    """The named keys of several config sections by name, as text for one argument."""
    return as_text(
        {name: json.loads(as_json(s, *keys)) for name, s in sections.items()}
    )


def network_module(stage, network):
    """Module of a network that the config names, for its fingerprint."""
    return network if ":" in network else f"pipeline.{stage}.networks.{network}"


def shards(dataset, split):
    return range(getattr(CONFIG.datasets[dataset].shards, split))


def frames_of(dataset, source, split, shard):
    """Frame store of a source: the HR video itself, or what a model made of the LR video."""
    if source == "hr":
        return f"{OUT}/data/{dataset}/{split}-{shard}/hr.h5"
    return f"{OUT}/superres/frames/{dataset}/{source}/{split}-{shard}.h5"


def all_frames(dataset, source, split):
    """Frame stores of a source, all shards."""
    return [
        frames_of(dataset, source, split, shard) for shard in shards(dataset, split)
    ]


def flow_of(dataset, source, split):
    """Flow stores of a source, all shards."""
    return [
        f"{OUT}/flow/{dataset}/{source}/{split}-{shard}.h5"
        for shard in shards(dataset, split)
    ]


def plan_of(wildcards):
    """Training may read every frame and field; of a test clip only some are read."""
    if wildcards.split == "train":
        return []
    return [f"{OUT}/recognition/{wildcards.dataset}/plan.json"]


def importer(*weights):
    """Module that reads weights that were not trained here, for the fingerprint of a job that has some."""
    return ["pipeline.weights.published"] * any(weights)


def training_modules(model):
    """Modules that a training reaches by name: its networks, the losses that it uses, what reads weights."""
    losses = MODELS[model].training.losses
    modules = [
        "pipeline.superres.training",
        network_module("superres", MODELS[model].network),
    ]
    modules += [f"pipeline.superres.losses.{kind}" for kind, used in losses if used]
    if losses.adversarial:
        modules.append(network_module("superres", losses.adversarial.discriminator))
    init = MODELS[model].init
    features = losses.feature and CONFIG.superres.feature_network.weights
    return modules + importer(init and MODELS[init].weights, features)


def given(path):
    """A file that the config names, as an input; nothing where it is missing and this run only plans.

    Its content counts, through the job's params (``content_of``), and not its time stamp.
    """
    return [] if PLANNING and not os.path.exists(path) else [ancient(str(path))]


def content_of(files):
    """Hashes of the given files among a job's inputs, as text for its params."""
    paths = [Path(file) for file in files if is_flagged(file, "ancient")]
    return json.dumps([CONTENTS.hash(path) for path in paths])


def weights_of(model):
    """Weights of a model: published, trained here, or none for a network without parameters."""
    if MODELS[model].weights:
        return given(MODELS[model].weights)
    return [f"{OUT}/superres/models/{model}.pt"] if MODELS[model].training else []


def init_weights(model):
    """Weights that the training of a model starts from."""
    return weights_of(MODELS[model].init) if MODELS[model].init else []


def sr_recipe(model):
    """What decides the weights of a trained model, as text for one argument."""
    training = MODELS[model].training.model_dump(
        mode="json", exclude=set(SRProgress.model_fields)
    )
    return as_json(MODELS[model], "network", "args", training=training)


def feature_weights(model):
    weights = CONFIG.superres.feature_network.weights
    return given(weights) if weights and MODELS[model].training.losses.feature else []


def flow_weights(engine):
    weights = CONFIG.flow.flownet2.weights
    return given(weights) if weights and engine == "flownet2" else []


def streams_of(recognizer):
    return ["spatial", "temporal"] + ["joint"] * (
        spec_of(recognizer).protocol == "st_resnet"
    )


def recognizer_modules(recognizer, streams):
    """Modules that a recogniser's streams reach by name: the backbone, and what joins two of them."""
    spec = spec_of(recognizer)
    joint = [network_module("recognition", spec.protocol)] if "joint" in streams else []
    return [network_module("recognition", spec.network), *joint]


def published_stream(dataset, recognizer, stream):
    """Weights of a stream that is not trained here; mixtures always are."""
    if recognizer in MIXTURES:
        return None
    return RECOGNIZERS[recognizer].weights_for(stream, dataset)


def recognizer_weights(dataset, recognizer, streams):
    """Weights of some streams: published, or trained here."""
    files = []
    for stream in streams:
        published = published_stream(dataset, recognizer, stream)
        made = f"{OUT}/recognition/{dataset}/{recognizer}/{stream}.pt"
        files += given(published) if published else [made]
    return files


def first_streams(stream):
    """Streams whose weights the training of a stream starts from."""
    return ["spatial", "temporal"] if stream == "joint" else []


def recognizer_importer(dataset, recognizer, streams, initial=None):
    """``importer`` of a job that reads these streams' weights, or initial ones."""
    return importer(
        initial, *(published_stream(dataset, recognizer, s) for s in streams)
    )


def initial_weights(recognizer):
    """File of the weights that a recogniser's training starts from."""
    named = spec_of(recognizer).initial_weights
    try:
        return given(resolve(named)) if named else []
    except PipelineError:
        return []  # only a dry run comes here without them


def training_content(w):
    """Hashes of given weights that the training of a stream starts from."""
    streams = recognizer_weights(w.dataset, w.recognizer, first_streams(w.stream))
    return content_of(streams + initial_weights(w.recognizer))


def scoring_content(w, streams):
    """Hashes of given weights that score these streams."""
    return content_of(recognizer_weights(w.dataset, w.recognizer, streams))


def scoring_code(w, streams):
    """Fingerprint of what scores these streams."""
    return fingerprint(
        "pipeline.recognition.scoring",
        *recognizer_modules(w.recognizer, streams),
        *recognizer_importer(w.dataset, w.recognizer, streams),
    )


def recognizer_spec(recognizer, stream, dataset):
    """What the training of one stream on one data set reads."""
    spec = spec_of(recognizer)
    training = getattr(spec, stream).for_dataset(dataset).model_dump(mode="json")
    only_joint = {"temporal_pool": spec.temporal_pool} if stream == "joint" else {}
    return as_json(
        spec, *TRAINING_KEYS[spec.protocol], **{stream: training}, **only_joint
    )


def made_folder(name, part):
    """Folder that a job makes for the videos or lists of a data set: the demo's, or an archive's content."""
    data = CONFIG.datasets.get(name, CONFIG.training_videos)
    root = data.root if part == "videos" else getattr(data, "splits", None)
    if is_archive(root):
        return [f"{OUT}/unpacked/{name}/{part}"]
    folder = f"{OUT}/demo/{name}"
    return [folder] if str(root) in (folder, f"{folder}/{part}") else []


def archive_of(w):
    """The archive that a job unpacks."""
    data = CONFIG.datasets.get(w.name, CONFIG.training_videos)
    return given(data.root if w.part == "videos" else data.splits)


def below(root, folder):
    """What a path adds to the folder that a job makes for it; all of the path where none does."""
    return "" if is_archive(root) else str(root).removeprefix("".join(folder))


def inventory(name):
    """Hash of what the listing of a data set's clips, or of the training videos, reads of users' files."""
    data = CONFIG.datasets.get(name, CONFIG.training_videos)
    roots = {"videos": data.root, "splits": getattr(data, "splits", None)}
    roots = {
        part: root
        for part, root in roots.items()
        if root and not made_folder(name, part)
    }
    if PLANNING and not all(root.is_dir() for root in roots.values()):
        return "missing"
    if name not in CONFIG.datasets:
        return videos_inventory(data.root, CONTENTS, data.listed) if roots else ""
    if len(roots) == 2:
        return clips_inventory(data, data.root, data.splits, CONTENTS)
    return " ".join(files_inventory(root, CONTENTS) for root in roots.values())
