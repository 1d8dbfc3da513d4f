"""A Slurm of one node below a folder of its own; outside of it there is a link to its configuration."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

DAEMONS = ("munged", "slurmctld", "slurmd")
PACKAGES = "apt-get install --no-install-recommends slurm-wlm munge"
CONFIGURED = Path("/etc/slurm/slurm.conf")  # where Slurm looks, whatever a job's environment says
SECONDS = 30  # until it is up, or a job is gone
DEVICES = ("/dev/null", "/dev/zero")  # stand for GPUs: Slurm hands out files and does not open them
PORTS = (16817, 16818)
# The node says of itself that it has four cores, whatever is there: Slurm hands out what it is told to have.
SETTINGS = """
ClusterName=check
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/{tracking}
TaskPlugin=task/none
ReturnToService=2
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmdSpoolDir={folder}/spool
StateSaveLocation={folder}/state
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,sched_min_interval=100000
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MinJobAge=86400
KillWait=10
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=64000 Gres=gpu:{gpus} State=UNKNOWN
PartitionName=check Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str | None:
    """Say in one line what is not installed, if anything is not."""
    path = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])
    lost = [name for name in (*DAEMONS, "sbatch", "squeue") if not shutil.which(name, path=path)]
    if lost:
        return f"{lost[0]} is not installed; wanted are Slurm and munge (as root: {PACKAGES})"
    if os.geteuid():
        return "a node starts the jobs of others, so that this has to run as root"
    if CONFIGURED.exists():
        return f"there is a Slurm here already ({CONFIGURED}); this wants a machine without one"
    return None


class OneNode:
    """Slurm with one node, while a `with` block runs.

    Args:
        folder: an empty folder with a short path, for sockets.
        tracking: how processes of a job are found: linuxproc, or cgroup as on most clusters, which signals only the
            first process of a job.
    """

    def __init__(self, folder: Path, tracking: str = "linuxproc"):
        self.folder, self.tracking = folder, tracking
        self.running: list[subprocess.Popen] = []
        path = os.pathsep.join([os.environ["PATH"], "/usr/sbin"])
        self.environment = os.environ | {"PATH": path}

    def __enter__(self) -> "OneNode":
        self.configure()
        place = self.folder
        files = [f"--{key}={place}/munge.{key[:4]}" for key in ("pid-file", "log-file")]
        files += [f"--seed-file={place}/munge.seed", f"--key-file={place}/munge.key"]
        self.start("munged", "--foreground", "--force", f"--socket={place}/munge.socket", *files)
        self.wait(lambda: (place / "munge.socket").exists(), "munged")
        self.start("slurmctld", "-D", "-i", "-f", f"{place}/slurm.conf")
        self.start("slurmd", "-D", "-f", f"{place}/slurm.conf", "-N", hostname())
        self.wait(lambda: "idle" in self.ask("sinfo", "--noheader", "--format=%T"), "slurmd")
        return self

    def __exit__(self, *_: object) -> None:
        self.ask("scancel", "--user=root", "--signal=KILL")
        for daemon in reversed(self.running):
            daemon.send_signal(signal.SIGTERM)
            daemon.wait()
        CONFIGURED.unlink()

    def configure(self) -> None:
        """Write the configuration and the key of munge."""
        for name in ("spool", "state"):
            (self.folder / name).mkdir()
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        names = {"host": hostname(), "user": "root", "folder": self.folder, "ports": PORTS}
        names |= {"tracking": self.tracking, "gpus": len(DEVICES)}
        gpus = [f"NodeName={hostname()} Name=gpu File={device}\n" for device in DEVICES]
        (self.folder / "slurm.conf").write_text(SETTINGS.format(**names))
        (self.folder / "gres.conf").write_text("".join(gpus))
        (self.folder / "cgroup.conf").write_text("CgroupAutomount=no\n")
        CONFIGURED.parent.mkdir(exist_ok=True)
        CONFIGURED.unlink(missing_ok=True)  # of a check that was killed: its folder is gone
        CONFIGURED.symlink_to(self.folder / "slurm.conf")

    def start(self, *command: str) -> None:
        """Start a daemon; what it prints is kept."""
        with (self.folder / f"{command[0]}.out").open("w") as out:
            begun = subprocess.Popen(command, stdout=out, stderr=out, env=self.environment)
        self.running.append(begun)

    def wait(self, there, name: str) -> None:
        """Wait until a daemon answers.

        Raises:
            SystemExit: it does not; with the end of what it said.
        """
        until = time.monotonic() + SECONDS
        while not there():
            if time.monotonic() > until:
                said = (self.folder / f"{name}.out").read_text()[-600:]
                raise SystemExit(f"slurm-check: {name} did not come up in {SECONDS} s: {said}")
            time.sleep(0.1)

    def ask(self, *command: str) -> str:
        """Run one of Slurm's commands; give what it printed."""
        asked = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        return asked.stdout.strip()

    def jobs(self, *states: str) -> dict[str, str]:
        """List jobs in some states (all of them by default): what each does, by its number."""
        wanted = f"--states={','.join(states) or 'all'}"
        rows = self.ask("squeue", "--noheader", wanted, "--format=%A %k").splitlines()
        return dict(row.split(maxsplit=1) for row in rows)

    def resume(self, job: str) -> None:
        """Let a job that was put back into the queue start at once; Slurm would wait for two minutes."""
        self.ask("scontrol", "update", f"JobId={job}", "StartTime=now")


def hostname() -> str:
    """Give the short name of this machine, by which Slurm knows it."""
    return socket.gethostname().partition(".")[0]
