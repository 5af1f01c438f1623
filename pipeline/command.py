"""What ``recosr`` does beside the stages: run the workflow, make its page, and say where it lies."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from pipeline.places import WORKFLOW

PROGRAM = "recosr" if Path(sys.argv[0]).stem == "recosr" else "python -m pipeline"
"""How this process was called; a checkout has no ``recosr``."""

RUN = """Run the experiment of a configuration: snakemake with RecoSR's Snakefile and default profile.

All arguments are Snakemake's (`snakemake --help`). RecoSR sets three, which yours replace:
  --snakefile         the Snakefile of this installation
  --workflow-profile  its profiles/default: a stopped run continues with the same command
  --cores all         unless you give --cores, --jobs, --executor or --profile

Without --configfile it runs the demo. Relative paths in the configuration, and the targets, start from the
working folder or from --directory. Targets stand after `--`; the default is OUTPUT/table4.csv."""

RUN_EXAMPLES = f"""examples:
  {PROGRAM} run --dry-run                                     list the jobs of the demo
  {PROGRAM} run --configfile c.yaml                           make Table 4 of an experiment
  {PROGRAM} run --cores 8 --configfile c.yaml -- tables       make the other tables on 8 cores
  {PROGRAM} run --profile "$({PROGRAM} path)/profiles/slurm" --configfile c.yaml     run on SLURM"""

REPORT = """Make the report page of a configuration, OUTPUT/report/index.html, and what it needs.

The same as `run ARGUMENTS -- report`: all arguments are Snakemake's."""

REPORT_EXAMPLES = f"""examples:
  {PROGRAM} report --configfile c.yaml                        make the page of an experiment
  {PROGRAM} report --dry-run                                  list the jobs of the demo's page"""

PATH = (
    """Print the folder that holds the Snakefile, config.yaml, config/ and profiles/ of this installation."""
)

PATH_EXAMPLES = f"""examples:
  cp "$({PROGRAM} path)/config/own-data.yaml" c.yaml          start a configuration
  snakemake --cores 8 --snakefile "$({PROGRAM} path)/Snakefile" --configfile c.yaml"""


def run(arguments: list[str]) -> int:
    """Replace this process by Snakemake's, so that signals reach it as if it had been called by itself."""
    parser = _parser("run", RUN, RUN_EXAMPLES)
    parser.usage = f"{PROGRAM} run [SNAKEMAKE ARGUMENT ...]"
    for names in (("--cores", "-c"), ("--jobs", "-j"), ("--executor", "-e"), ("--profile",)):
        parser.add_argument(*names, dest="chosen", nargs="?", const="", help=argparse.SUPPRESS)
    chosen = parser.parse_known_args(arguments)[0].chosen is not None or "SNAKEMAKE_PROFILE" in os.environ
    defaults = ["--snakefile", WORKFLOW / "Snakefile", "--workflow-profile", WORKFLOW / "profiles/default"]
    cores = [] if chosen else ["--cores", "all"]
    # -P: what lies in the working folder hides no library.
    command = [sys.executable, "-P", "-m", "snakemake", *map(str, defaults), *cores, *arguments]
    sys.stdout.flush()
    os.execv(sys.executable, command)


def report(arguments: list[str]) -> int:
    """Replace this process by a run of the target ``report``."""
    parser = _parser("report", REPORT, REPORT_EXAMPLES)
    parser.usage = f"{PROGRAM} report [SNAKEMAKE ARGUMENT ...]"
    parser.parse_known_args(arguments)
    return run([*arguments, "--", "report"])


def path(arguments: list[str]) -> int:
    """Print where the workflow lies."""
    _parser("path", PATH, PATH_EXAMPLES).parse_args(arguments)
    print(WORKFLOW)
    return 0


COMMANDS: dict[str, Callable[[list[str]], int]] = {"run": run, "report": report, "path": path}


def _parser(name: str, description: str, examples: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog=f"{PROGRAM} {name}",
        description=description,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
