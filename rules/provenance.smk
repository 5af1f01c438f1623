# A run: which files it is asked for, and its record in the output folder, which the Snakefile begins and ends.
import sys

from snakemake.cli import get_argument_parser

from pipeline.data.losses import tell_losses
from pipeline.provenance import begin_run, end_run


def jobs_of_run(finished):
    """Rule and wildcards of the jobs that this run starts, or of those that it has finished."""
    return [
        (
            job.rule.name,
            " ".join(f"{k}={v}" for k, v in sorted(job.wildcards_dict.items())),
        )
        for job in workflow.dag.needrun_jobs(exclude_finished=False)
        if job.output and (workflow.dag.finished(job) or not finished)
    ]


def begin_record():
    """Add this run to the record, unless it only renews time stamps (--touch)."""
    if workflow.touch:
        return
    cores = workflow.cores if workflow.local_exec else None
    about = (CONFIG, workflow.configfiles, workflow.config_settings.config, cores)
    try:
        begin_run(*about, jobs_of_run(finished=False))
    except PipelineError as error:
        raise WorkflowError(str(error))


def end_record(status):
    """Complete this run's entry, and print which clips the data sets lost, which jobs only write to their logs."""
    end_run(CONFIG.output, status, jobs_of_run(finished=True))
    labels = {name: data.label or name for name, data in CONFIG.datasets.items()}
    tell_losses(Path(OUT, "data"), labels)


def asked():
    """Target files on the command line, which Snakemake provides only after all rules are defined."""
    try:
        targets = get_argument_parser().parse_args(sys.argv[1:]).targets
    except SystemExit:  # another program than Snakemake's runs the workflow
        return []
    return [target for target in targets if not workflow.is_rule(target)]
