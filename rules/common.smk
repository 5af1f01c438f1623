# Checks the configuration and defines what all rules use: files, requests, wildcard constraints.
import os
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from pipeline.config.load import load_config
from pipeline.config.text import check_keys, without_empty
from pipeline.content import Contents
from pipeline.errors import PipelineError
from pipeline.experiment import Experiment, Given
from pipeline.experiment.given import GivenContent
from pipeline.fingerprint import fingerprint
from pipeline.preflight.inspection import Inspector
from pipeline.preflight.report import check

# A dry run plans without data and weights and warns about missing ones; other runs stop before their first job.
PLANNING = workflow.output_settings.dryrun

# The machine is checked only if jobs run on it, and only once, because jobs parse this file again.
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


EXPERIMENT = Experiment(CONFIG)
ROWS, FILES, CODE = EXPERIMENT.rows, EXPERIMENT.files, EXPERIMENT.code
OUT = FILES.out
# Hashes of users' files, cached between runs. A dry run does not create the output folder for them.
CONTENTS = Contents(CONFIG.output / ".contents.json", create=not PLANNING)
CONTENT = GivenContent(FILES, CONTENTS, PLANNING)
ENVIRONMENT = f"{workflow.basedir}/envs/{'gpu' if CONFIG.compute.device == 'cuda' else 'cpu'}.yaml"
GPUS = int(CONFIG.compute.device == "cuda")
TRAINING_GPUS = GPUS * CONFIG.compute.devices
TRAINING_THREADS = CONFIG.compute.threads * CONFIG.compute.devices
MODELS = CONFIG.superres.models
RECOGNIZERS = CONFIG.recognition.recognizers


def one_of(names):
    """Wildcard constraint: one of the names. Without names nothing matches; Snakemake would ignore ""."""
    return "|".join(map(re.escape, names)) or "(?!)"


wildcard_constraints:
    dataset=one_of(CONFIG.datasets),
    model=one_of([*MODELS, *ROWS.degraded_models]),
    source=one_of(["hr", *MODELS, *ROWS.degraded_models, *ROWS.imported]),
    row=one_of(ROWS.imported),
    method=one_of([*ROWS.scored, *ROWS.degraded]),
    pair=one_of(ROWS.pairs),
    table=one_of(ROWS.tables),
    recognizer=one_of([*RECOGNIZERS, *ROWS.variants]),
    stream=one_of(dict.fromkeys(s for r in RECOGNIZERS.values() for s in r.streams)),
    split="train|test",
    shard=r"\d+",
    engine="tvl1|flownet2",
    kind=f"(sosr|tosr)(@({one_of(CONFIG.degradations)}))?",
    part="videos|splits",
    degradation=one_of(CONFIG.degradations),


def asks(fill):
    """A rule's param: the request that the experiment fills for the job's wildcards."""
    return lambda wildcards: fill(**dict(wildcards.items())).text()


def inputs(files):
    """Files as inputs. ``Given`` files count by content (``CONTENT.of``), not by time stamp.

    A run that only plans ignores missing ones.
    """
    return [
        ancient(str(file)) if isinstance(file, Given) else file
        for file in files
        if not (PLANNING and isinstance(file, Given) and not os.path.exists(file))
    ]
