#!/usr/bin/env bash
# Debian's SLURM and munge, for the tests of this folder. Starts no service. Needs root.
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo "install.sh: must run as root (found uid $(id -u)); use sudo" >&2; exit 1; }
command -v apt-get >/dev/null || { echo "install.sh: apt-get not found; install SLURM by hand" >&2; exit 1; }
export DEBIAN_FRONTEND=noninteractive
# Under RUNLEVEL=1 Debian's packages do not start the daemons that they bring.
export RUNLEVEL=1
apt-get update
apt-get install --yes --no-install-recommends \
    slurm-wlm slurmctld slurmd slurm-client munge slurm-wlm-basic-plugins
