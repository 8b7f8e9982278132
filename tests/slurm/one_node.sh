#!/bin/bash
# Sets up Slurm on this one machine (Debian or Ubuntu, as root), builds a page by the documented
# command with a job cancelled in the middle, calls again, and removes everything it has installed.
#
#   bash tests/slurm/one_node.sh            # page 02 at smoke on planted data
#   bash tests/slurm/one_node.sh book       # the whole book, where data/ holds its data sets
set -euo pipefail

[ "$(id -u)" = 0 ] || { echo "skipped: not root"; exit 0; }
if [ -e /etc/slurm/slurm.conf ]; then echo "skipped: this machine has a Slurm already"; exit 0; fi

target=${1:-book/sections/02_shuffled_labels.ipynb}
slots=2
repository=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d -t one-node.XXXXXX)
host=$(hostname -s)
export PATH=$repository/.venv/bin:$PATH
# A cluster's disks are its own: the checkout is copied and its store is empty.
export PYTHONPATH=$work/checkout FHELPERS_RESULTS=$work/results
export FHELPERS_DATA=${FHELPERS_DATA:-$repository/data}
daemons=() new=()

remove() {
    status=$?
    if [ $status != 0 ]; then
        tail -n 20 "$work"/*.log "$work"/checkout/.snakemake/slurm_logs/*/*.log 2>/dev/null || true
    fi
    scancel --user root 2>/dev/null || true
    [ ${#daemons[@]} = 0 ] || kill "${daemons[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf /etc/slurm/slurm.conf /etc/slurm/cgroup.conf
    if [ ${#new[@]} != 0 ]; then
        DEBIAN_FRONTEND=noninteractive apt-get purge -y -qq "${new[@]}" >/dev/null 2>&1 || true
    fi
    rm -rf "$work"
    exit $status
}
trap remove EXIT
trap 'exit 143' INT TERM HUP

installed() { dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | grep '^ii' | sort; }

install_slurm() {
    installed > "$work/before"
    # The packages would start their daemons without a configuration.
    local policy=/usr/sbin/policy-rc.d
    if [ -e $policy ]; then policy=; else printf '#!/bin/sh\nexit 101\n' > $policy; chmod +x $policy; fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        slurmctld slurmd slurm-client munge > "$work/apt.log" 2>&1
    [ -z "$policy" ] || rm $policy
    installed > "$work/after"
    mapfile -t new < <(comm -13 "$work/before" "$work/after" | awk '{print $2}')
}

# Without systemd, so that it works in a container too; memory is enforced, as clusters do.
configure() {
    mkdir -p /etc/slurm "$work"/{state,spool}
    cat > /etc/slurm/slurm.conf <<EOF
ClusterName=onenode
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
AuthType=auth/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=5
JobAcctGatherParams=OverMemoryKill,UsePss
JobCompType=jobcomp/filetxt
JobCompLoc=$work/jobs.log
SchedulerParameters=sched_min_interval=500000
NodeName=$host NodeAddr=127.0.0.1 CPUs=$slots RealMemory=9000 State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
EOF
    # From 23.02 on slurmd looks for control groups even where no plugin uses them.
    dpkg --compare-versions "$(dpkg-query -W -f '${Version}' slurmd)" lt 23 ||
        echo "CgroupPlugin=disabled" > /etc/slurm/cgroup.conf
}

start() {
    mkdir -p /run/munge && chown munge: /run/munge
    if ! munge -n > /dev/null 2>&1; then
        runuser -u munge -- munged --foreground > "$work/munged.log" 2>&1 & daemons+=($!)
    fi
    slurmctld -D -c > "$work/slurmctld.log" 2>&1 & daemons+=($!)
    slurmd -D -N "$host" > "$work/slurmd.log" 2>&1 & daemons+=($!)
    for _ in $(seq 60); do
        if [ "$(sinfo --noheader --format %T 2>/dev/null)" = idle ]; then return; fi
        sleep 1
    done
    echo "the node did not become idle" >&2
    return 1
}

build() {
    snakemake "$target" --profile profiles/slurm --config scale=smoke dataset=planted seeds="[0]"
}

install_slurm
configure
start
mkdir "$work/checkout"
(cd "$repository" && git ls-files -z --cached --others --exclude-standard | grep -zv '^results/' |
    xargs -0 cp --parents --target-directory "$work/checkout")
cd "$work/checkout"
echo "Slurm $(sinfo --version | cut -d' ' -f2) on $host, $slots slots"

began=$SECONDS
build > "$work/first.log" 2>&1 & call=$!
# Cancelled while a run trains, not while Python starts.
until ls "$FHELPERS_RESULTS"/.unfinished/*/checkpoint.pt > /dev/null 2>&1; do
    kill -0 $call 2>/dev/null || { echo "the first call ended before any run had begun" >&2; exit 1; }
    sleep 1
done
job=$(squeue --noheader --states RUNNING --format %i | head -n 1)
scancel "$job"
if wait $call; then echo "the call whose job was cancelled says that all went well" >&2; exit 1; fi
grep "SLURM-job '$job' failed, SLURM status is: 'CANCELLED'" "$work/first.log"
echo "first call: $((SECONDS - began)) s, ended by scancel"

began=$SECONDS
build > "$work/second.log" 2>&1
if [ "$target" = book ]; then ls _build/html/index.html; else ls "$target"; fi
echo "second call: $((SECONDS - began)) s, finished"

python - "$work/jobs.log" $slots <<'EOF'
import re
import sys
from datetime import datetime
from pathlib import Path

lines = Path(sys.argv[1]).read_text().splitlines()
jobs = [dict(re.findall(r"(\w+)=(\S+)", line)) for line in lines]
times = [[datetime.fromisoformat(job[key]) for key in ("StartTime", "EndTime")] for job in jobs]
busy = sum((end - start).total_seconds() for start, end in times)
span = (max(end for _, end in times) - min(start for start, _ in times)).total_seconds()
print(f"{len(jobs)} jobs of {busy / len(jobs):.0f} s; slots {busy / span / int(sys.argv[2]):.0%} full")
EOF
# One finished run, carried out anew without Slurm.
python -m fhelpers verify "$(basename "$(dirname "$(ls "$FHELPERS_RESULTS"/*/record.json | head -n 1)")")"
