# The record of runs in the output folder; the Snakefile calls this at the beginning and the end of each.
from pipeline.provenance import begin_run, end_run


def jobs_of_run(finished):
    """Rule and wildcards of the jobs that this run starts, or of those that have finished."""
    return [
        (
            job.rule.name,
            " ".join(f"{k}={v}" for k, v in sorted(job.wildcards_dict.items())),
        )
        for job in workflow.dag.needrun_jobs(exclude_finished=False)
        if job.output and (workflow.dag.finished(job) or not finished)
    ]


def begin_record():
    """Add this run; not where time stamps alone are renewed (--touch)."""
    if workflow.touch:
        return
    cores = workflow.cores if workflow.local_exec else None
    changes = workflow.config_settings.config
    try:
        begin_run(
            CONFIG, workflow.configfiles, changes, cores, jobs_of_run(finished=False)
        )
    except PipelineError as error:
        raise WorkflowError(str(error))


def end_record(status):
    """Complete what begin_record began."""
    end_run(CONFIG.output, status, jobs_of_run(finished=True))
