"""Processor time of a whole embedded run, and how much of it is not work.

    python benchmarks/overhead.py                      # the laptop tier
    python benchmarks/overhead.py --tier smoke

Copies the project without its results into a temporary folder, runs Snakemake there as `make reproduce` does,
and then once more with nothing left to do. Work is what jobs do between their imports and their exit
(recloop/storage/timing.py); all else that any process of the run uses is outside: Snakemake itself, process starts,
imports, argument parsing. Imports that a job makes while it works count as work. Memory is that of all
processes together, shared pages counted once.
"""

import argparse
import ctypes
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
LEFT_OUT = {"data", "results", ".venv", ".git", ".dvc", ".snakemake", ".recloop"}
PR_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>
SECONDS_BETWEEN_LOOKS = 0.5


def adopt_orphans() -> None:
    """Make every process that a run leaves behind a child of this one, so that its time can be told."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants() -> list[int]:
    """List all processes below this one."""
    children = defaultdict(list)
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue  # it has just ended
        children[parent].append(int(folder.name))
    found = [os.getpid()]
    for process in found:
        found += children[process]
    return found[1:]


def memory(process: int) -> int:
    """Read a process's share of memory in kB; pages shared by n processes count one n-th."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if line[:4] == "Pss:"), 0)


class MemoryWatch(threading.Thread):
    """Looks at the memory of all processes of the run until told to stop."""

    def __init__(self):
        super().__init__(daemon=True)
        self.peak, self.over = 0, threading.Event()

    def run(self) -> None:
        """Look now and then."""
        while not self.over.wait(SECONDS_BETWEEN_LOOKS):
            self.peak = max(self.peak, sum(map(memory, descendants())))


def processor() -> float:
    """Seconds that all ended processes below this one have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(project: Path, arguments: list[str]) -> tuple[float, float]:
    """Run Snakemake; give the time until it returned and the processor time until all its processes were gone."""
    used, started = processor(), time.perf_counter()
    command = [sys.executable, "-m", "snakemake", *arguments]
    environment = os.environ | {"PYTHONPATH": str(project)}
    subprocess.run(command, cwd=project, env=environment, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - started
    while True:  # the server of warm.py leaves after some idle seconds
        try:
            os.wait()
        except ChildProcessError:
            return seconds, processor() - used


def left_out(folder: str, names: list[str]) -> set[str]:
    """Say what is not copied: results and what else a fresh clone has not."""
    return LEFT_OUT if Path(folder) == ROOT else {"__pycache__"} & set(names)


def work(project: Path) -> dict[str, float]:
    """Add up what the jobs of each rule noted."""
    total = defaultdict(float)
    for line in (project / ".recloop/work.tsv").read_text().splitlines():
        rule, seconds = line.split("\t")
        total[rule] += float(seconds)
    return total


def main() -> None:
    """Run twice and print where the time went."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tier", default="laptop", help="a file of tiers/ (%(default)s)")
    parser.add_argument("--mirror", help="folder with raw files, for the real tier")
    given = parser.parse_args()
    changes = [f"tier={given.tier}", *([f"mirror={given.mirror}"] if given.mirror else [])]
    arguments = ["--cores", "all", "--config", *changes]
    adopt_orphans()
    watch = MemoryWatch()
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "recloop"
        shutil.copytree(ROOT, project, ignore=left_out)
        watch.start()
        seconds, used = run(project, arguments)
        watch.over.set()
        watch.join()
        inside = work(project)
        again, _ = run(project, arguments)
    total = sum(inside.values())
    print(f"tier {given.tier}, {os.cpu_count()} cores")
    print(f"  wall time              {seconds:8.1f} s")
    print(f"  peak memory            {watch.peak / 2**20:8.2f} GiB, all processes together")
    print(f"  processor time         {used:8.1f} s")
    for rule, part in sorted(inside.items(), key=lambda pair: -pair[1]):
        print(f"    in {rule:19} {part:8.1f} s")
    print(f"  outside work           {used - total:8.1f} s   {(used - total) / used:.1%}")
    print(f"  a run with nothing new {again:8.1f} s of wall time")


if __name__ == "__main__":
    main()
