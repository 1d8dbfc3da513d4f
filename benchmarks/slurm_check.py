"""Run the smoke tier of some studies through a real Slurm of one node, disturb it, compare with a run without Slurm.

    python benchmarks/slurm_check.py
    python benchmarks/slurm_check.py --studies gsasrec intent --tracking cgroup

One copy of the project runs through as on any machine. Another one goes through profiles/slurm as docs/cluster.md says
for a cluster without accounting. In the middle of trainings a job is put back into the queue (as when it is
pre-empted), another is warned of its time limit (SIGUSR1), and the run itself is interrupted (Ctrl-C), whose jobs have
to leave the queue; then it is started again. At its end every file of data and results is compared by content. Last,
two jobs that want a GPU run at the same time, each with a device of its own.
"""

import argparse
import json
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import yaml
from kills import ROOT, Copy, compare
from one_node import OneNode, missing

KEPT = ROOT / "docs/slurm.json"
NOT_HERE = 2  # the exit code where nothing was tried
WITHOUT_ACCOUNTING = "# slurm-status-command: squeue"
OPTIONS = ("--workflow-profile", "profiles/slurm", "--slurm-init-seconds-before-status-checks", "2")
# A training has to take long enough to be met in its middle.
EPOCHS = {"epochs": 40, "patience": 40}
GPU_JOBS = """
rule all:
    input: "gpu/0", "gpu/1"
rule ask:
    output: "gpu/{name}"
    resources: gpu=1
    shell: "echo $CUDA_VISIBLE_DEVICES > {output}.begun; for _ in $(seq 300); do [ $(ls gpu/*.begun | wc -l) = 2 ]"
           " && break; sleep 0.2; done; cp {output}.begun {output}"
"""


class OnSlurm:
    """A copy of the project whose jobs go through Slurm.

    Args:
        copy: the copy.
        node: Slurm.
    """

    def __init__(self, copy: Copy, node: OneNode):
        self.copy, self.node = copy, node
        profile = copy.root / "profiles/slurm/config.yaml"
        before, line, after = profile.read_text().partition(WITHOUT_ACCOUNTING)
        profile.write_text(before + line.removeprefix("# ") + after)
        self.run = copy.start()

    def disturb(self, how: Callable[[str], None]) -> None:
        """Do something to a job in the middle of a training, and wait until the training went on from there.

        Raises:
            SystemExit: no training was met in its middle.
        """
        before, met = self.resumed(), set()
        while self.resumed() == before:
            if self.run.poll() is not None:
                self.copy.finish(self.run)
                raise SystemExit(f"slurm-check: {how.__name__} met no training in its middle")
            for job, training in self.in_training()[:1]:
                if training not in met:
                    met.add(training)
                    how(job)
            time.sleep(0.05)
        print(f"{how.__name__}: a training went on from its checkpoint", flush=True)

    def in_training(self) -> list[tuple[str, str]]:
        """List the jobs that are in the middle of a training, each with the name of its checkpoint."""
        found = []
        for job, rule in self.node.jobs("RUNNING").items():
            tasks = self.copy.root / f".recloop/jobs/{rule.removeprefix('rule_')}.json"
            for task in json.loads(tasks.read_text()) if tasks.exists() else []:
                if any(
                    (self.copy.root / ".recloop/checkpoints" / task["checkpoints"]).glob("*.s*")
                ):
                    found.append((job, task["checkpoints"]))
        return found

    def resumed(self) -> int:
        """Count the trainings that went on from a checkpoint."""
        places = (self.copy.root / part for part in (".recloop/finished", "results"))
        logs = (log for place in places for log in place.rglob("train.log"))
        return len({line for log in logs for line in lines(log) if "goes on after update" in line})

    def requeue(self, job: str) -> None:
        """Put a job back into the queue, as when it is pre-empted."""
        self.node.ask("scontrol", "requeue", job)
        self.until(lambda: job in self.node.jobs("PENDING"))
        self.node.resume(job)

    def warn(self, job: str) -> None:
        """Warn a job of its time limit."""
        self.node.ask("scancel", "--signal=USR1", job)
        self.until(lambda: job in self.node.jobs("FAILED"))

    def interrupt(self, _: str) -> None:
        """Interrupt the run, whose jobs have to leave the queue, and start it again."""
        self.run.send_signal(signal.SIGINT)
        self.run.wait()
        self.until(lambda: not self.node.jobs("PENDING", "RUNNING", "COMPLETING"))
        self.run = self.copy.start()

    def until(self, true: Callable[[], bool], seconds: float = 60) -> None:
        """Wait for something.

        Raises:
            SystemExit: it did not come, with what is in the queue.
        """
        until = time.monotonic() + seconds
        while not true():
            if time.monotonic() > until:
                raise SystemExit(
                    f"slurm-check: waited in vain; {self.node.ask('squeue', '--states=all')}"
                )
            time.sleep(0.1)

    def devices(self) -> list[str]:
        """Run two jobs at the same time that want a GPU each; say which device each of them saw."""
        (self.copy.root / "gpu.smk").write_text(GPU_JOBS)
        asked = [sys.executable, "-m", "snakemake", "--snakefile", "gpu.smk", *OPTIONS]
        done = subprocess.run(
            asked, cwd=self.copy.root, env=self.copy.environment, capture_output=True, text=True
        )
        if done.returncode:
            raise SystemExit(f"slurm-check: no job got a GPU: {done.stderr[-2000:]}")
        return [(self.copy.root / f"gpu/{name}").read_text().strip() for name in (0, 1)]


def lines(log: Path) -> list[str]:
    """Read the lines of a log, each with the folder that names its training."""
    return [f"{log.parent.name} {line}" for line in log.read_text().splitlines()]


def prepare(copy: Copy, studies: list[str]) -> Copy:
    """Let trainings of a copy take seconds."""
    for study in studies:
        file = copy.root / f"studies/{study}/tiers.yaml"
        tiers = yaml.safe_load(file.read_text())
        tiers["smoke"]["training"] |= EPOCHS
        file.write_text(yaml.safe_dump(tiers, sort_keys=False))
    return copy


def timed(work: Callable[[], object]) -> float:
    """Do something; give the seconds it took."""
    started = time.monotonic()
    work()
    return round(time.monotonic() - started, 1)


def main() -> None:
    """Run with and without Slurm, compare, and keep what came out."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    chosen, known = ["gsasrec"], ("linuxproc", "cgroup")
    parser.add_argument("--studies", nargs="+", default=chosen, help="what is made (%(default)s)")
    parser.add_argument("--tracking", choices=known, default=known[0], help="see one_node.py")
    given = parser.parse_args()
    if lost := missing():
        print(f"slurm-check: {lost}", file=sys.stderr)
        sys.exit(NOT_HERE)
    with (
        tempfile.TemporaryDirectory(prefix="slurm ü ") as folder,
        tempfile.TemporaryDirectory() as short,
    ):
        whole = prepare(Copy(Path(folder) / "whole", given.studies), given.studies)
        seconds = {"without": timed(lambda: whole.finish(whole.start()))}
        wanted = whole.hashes()
        print(f"without Slurm: {len(wanted)} files in {seconds['without']} s", flush=True)
        whole.forget()
        with OneNode(Path(short), given.tracking) as node:
            copy = prepare(Copy(Path(folder) / "cut", given.studies, OPTIONS), given.studies)
            started = time.monotonic()
            slurm = OnSlurm(copy, node)
            for how in (slurm.requeue, slurm.warn, slurm.interrupt):
                slurm.disturb(how)
            copy.finish(slurm.run)
            seconds["with"] = round(time.monotonic() - started, 1)
            compare(copy.hashes(), wanted)
            devices = slurm.devices()
            if sorted(devices) != ["0", "1"]:
                raise SystemExit(
                    f"slurm-check: two jobs saw the devices {devices}, expected 0 and 1"
                )
            keep(node, given.studies, seconds, len(wanted))


def keep(node: OneNode, studies: list[str], seconds: dict[str, float], files: int) -> None:
    """Write down what was tried and what came out."""
    named = ("snakemake", "snakemake-executor-plugin-slurm")
    versions = {name: version(name) for name in named} | {"python": platform.python_version()}
    versions["slurm"] = node.ask("sinfo", "--version").removeprefix("slurm-wlm ")
    found = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "versions": versions,
        "tracking": node.tracking,
        "studies": studies,
        "jobs": len(node.jobs()),
        "seconds": seconds,
        "equal_files": files,
        "went_on_exactly_after": ["requeue", "SIGUSR1", "Ctrl-C"],
        "gpu": "two jobs at a time, a device each",
    }
    KEPT.write_text(json.dumps(found, indent=2) + "\n")
    print(
        f"{found['jobs']} jobs through Slurm {versions['slurm']}, all {files} files are those of a run without it"
    )


if __name__ == "__main__":
    main()
