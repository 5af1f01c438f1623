# The checked configuration, where files lie, and what each stage reads.
import json
import os
import re
import sys
from pathlib import Path

from snakemake.cli import get_argument_parser
from snakemake.exceptions import WorkflowError

from pipeline.config_file import load_config
from pipeline.config_paths import target_problems
from pipeline.config_text import check_keys, without_empty
from pipeline.content import Contents
from pipeline.data.inventory import clips_inventory, files_inventory, videos_inventory
from pipeline.errors import PipelineError
from pipeline.experiment import Experiment, Given
from pipeline.fingerprint import fingerprint
from pipeline.preflight.inspection import Inspector
from pipeline.preflight.report import check
from pipeline.request import escape_braces

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


EXPERIMENT = Experiment(CONFIG)
ROWS, FILES, CODE = EXPERIMENT.rows, EXPERIMENT.files, EXPERIMENT.code
OUT = FILES.out
# Hashes of users' files, remembered between runs. A dry run makes no output folder for them.
CONTENTS = Contents(CONFIG.output / ".contents.json", create=not PLANNING)
ENVIRONMENT = f"{workflow.basedir}/envs/{'gpu' if CONFIG.compute.device == 'cuda' else 'cpu'}.yaml"
GPUS = int(CONFIG.compute.device == "cuda")
TRAINING_GPUS = GPUS * CONFIG.compute.devices
TRAINING_THREADS = CONFIG.compute.threads * CONFIG.compute.devices
MODELS = CONFIG.superres.models
METHODS = CONFIG.methods
RECOGNIZERS = CONFIG.recognition.recognizers


def one_of(names):
    """Wildcard constraint: one of the names. Snakemake takes an empty one for none at all."""
    return "|".join(map(re.escape, names)) or "(?!)"


wildcard_constraints:
    dataset=one_of(CONFIG.datasets),
    model=one_of(MODELS),
    source=one_of(["hr", *MODELS]),
    method=one_of(ROWS.scored),
    pair=one_of(ROWS.pairs),
    table=one_of(ROWS.tables),
    recognizer=one_of([*RECOGNIZERS, *ROWS.mixtures]),
    stream=one_of(dict.fromkeys(s for r in RECOGNIZERS.values() for s in r.streams)),
    split="train|test",
    shard=r"\d+",
    engine="tvl1|flownet2",
    kind="sosr|tosr",
    part="videos|splits",


def as_text(value, **options):
    """JSON for one argument."""
    return escape_braces(json.dumps(value, **options))


def as_json(section, *keys, **changes):
    """The named keys of a config section as text for one argument: what the stage reads, no more."""
    values = (
        section.model_dump(mode="json", include=set(keys) if keys else None) | changes
    )
    return as_text(values, sort_keys=True)


# What inference reads of the compute section: one device.
INFERENCE = as_json(CONFIG.compute, "device", "threads", "precision")


def asks(fill):
    """A rule's param: the request that the experiment fills by the job's wildcards."""
    return lambda wildcards: fill(**dict(wildcards.items())).text()


def inputs(files):
    """Files as inputs. A given one counts by content (``content_of``), not by its time stamp.

    A run that only plans goes without given files that are missing.
    """
    return [
        ancient(str(file)) if isinstance(file, Given) else file
        for file in files
        if not (PLANNING and isinstance(file, Given) and not os.path.exists(file))
    ]


def content_of(files):
    """Hashes of the given files among some, as text for a job's params."""
    given = [file for file in files if isinstance(file, Given)]
    return json.dumps(
        [CONTENTS.hash(Path(f)) for f in given if os.path.exists(f) or not PLANNING]
    )


def inventory(name):
    """Hash of what the listing of a data set's clips, or of the training videos, reads of users' files."""
    data = FILES.data(name)
    roots = {"videos": data.root, "splits": getattr(data, "splits", None)}
    roots = {
        part: root
        for part, root in roots.items()
        if root and not FILES.made_folder(name, part)
    }
    if PLANNING and not all(root.is_dir() for root in roots.values()):
        return "missing"
    if name not in CONFIG.datasets:
        return videos_inventory(data.root, CONTENTS, data.listed) if roots else ""
    if len(roots) == 2:
        return clips_inventory(data, data.root, data.splits, CONTENTS)
    return " ".join(files_inventory(root, CONTENTS) for root in roots.values())
