# The whole experiment as one graph. rules/ has one file per stage, in the order of the data.
import os
import shlex
import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.0")
# A checkout may lie anywhere: its package stands first. The working folder stands last, for users' own networks.
sys.path.insert(0, workflow.basedir)
sys.path.append(os.getcwd())

from pipeline import places

# Jobs call `python`: that which runs Snakemake, also where its environment is not activated.
os.environ.update(
    PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()])
)
# They import the package of this process, not one of the working folder. A prefix, because Snakemake takes
# PYTHONPATH from conda's jobs.
PACKAGE = shlex.quote(str(places.PACKAGE.parent)) + '"${PYTHONPATH:+:$PYTHONPATH}"'
# Of a job that the kernel ends (128 + SIGABRT, BUS, KILL, SEGV) somebody else has to say what happened.
KILLED = (
    "trap 's=$?; case $s in 13[4579])"
    ' printf %s "${BASH_EXECUTION_STRING-$(<"$0")}" | python -m pipeline.out_of_memory $s || true;;'
    " esac' EXIT; "
)
PREFIX = f"set -euo pipefail; export PYTHONSAFEPATH=1 PYTHONPATH={PACKAGE}; {KILLED}"
shell.prefix(PREFIX.replace("{", "{{").replace("}", "}}"))

# A file given by --configfile replaces the demo's instead of being merged into it.
if not workflow.overwrite_configfiles:

    configfile: f"{workflow.basedir}/config.yaml"


include: "rules/common.smk"
include: "rules/provenance.smk"
include: "rules/data.smk"
include: "rules/flow.smk"
include: "rules/patches.smk"
include: "rules/superres.smk"
include: "rules/recognition.smk"
include: "rules/quality.smk"
include: "rules/report.smk"
include: "rules/tables.smk"
include: "rules/page.smk"


from pipeline.config.paths import target_problems

if workflow.is_main_process and (problems := target_problems(asked(), CONFIG.output)):
    raise WorkflowError("\n".join(problems))

# Snakemake compares the text of commands; normalise blanks, so that layout does not count.
for one in workflow.rules:
    if one.shellcmd:
        one.shellcmd = " ".join(one.shellcmd.split())


# GPU jobs take the first GPUs that they see, so a machine runs one at a time, whatever the flags. The scope is
# local: a cluster's scheduler gives each job the GPUs (resource gpu) that it requests.
resource_scopes:
    gpu_turn="local",


workflow.register_resource("gpu_turn", 1)


# Executed before the first job of real runs only: not for dry runs, reports, --unlock, or inside SLURM jobs.
onstart:
    from pipeline.run_lock import hold

    # The SLURM plugin's name for the jobs of this run.
    executor = getattr(workflow.scheduler, "_executor", None)
    run = getattr(executor, "run_uuid", None)
    if run:
        waiting = f"{workflow.basedir}/profiles/slurm/bin"
        os.environ.update(PATH=os.pathsep.join([waiting, *os.get_exec_path()]))
    try:
        hold(OUT, run)
    except PipelineError as error:
        raise WorkflowError(str(error))
    begin_record()


onsuccess:
    end_record("complete")


onerror:
    end_record("failed")


rule all:
    default_target: True
    input:
        f"{OUT}/table4.csv",
