"""Kill whole runs of the workflow at random moments; what they end with is what an undisturbed run ends with.

    python benchmarks/kills.py                        # three kills of one study's smoke run
    python benchmarks/kills.py --kills 100 --studies hdt gommir

One copy of the project runs through undisturbed. Another one is killed with all its processes (SIGKILL, no warning) at
a moment drawn from the time that the first one took, is unlocked as `make unlock` does, and goes on until
it is over; then it starts from nothing again until there were as many kills as asked for. Whenever it is over, every
file of data and results is compared: weights, lists, scores and tables by content, but for what a run took in time.
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl
import psutil
from safetensors.torch import load_file

ROOT = Path(__file__).parents[1]
PARTS = [
    "Snakefile",
    "config.yaml",
    "profiles",
    "recloop",
    "sources",
    "studies",
    "tiers",
    "workflow",
]
TIMES = ("seconds", "cost", "memory")  # what a run took is another thing each time
COMPARED = (".safetensors", ".parquet", ".npy", ".tex", ".svg")
LEFTOVERS = (".part", ".tmp")


class Copy:
    """A copy of the project in which whole runs are made and killed.

    Args:
        root: an empty folder.
        studies: what is made.
        options: how snakemake is called.
    """

    def __init__(self, root: Path, studies: list[str], options: tuple[str, ...] = ("--cores", "1")):
        self.root = root
        for name in PARTS:
            place = ROOT / name
            if place.is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(place, root / name, ignore=ignored)
            else:
                root.mkdir(exist_ok=True)
                shutil.copyfile(place, root / name)
        settings = ["tier=smoke", "seeds=[1]", "device=cpu", f"studies=[{','.join(studies)}]"]
        self.command = [sys.executable, "-m", "snakemake", *options, "--config", *settings]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = os.environ | {"PYTHONPATH": str(root), "PATH": path}

    def start(self, *options: str) -> subprocess.Popen:
        """Start a run; what it prints is kept in run.log."""
        with (self.root / "run.log").open("w") as log:
            return subprocess.Popen(
                [*self.command, *options],
                cwd=self.root,
                env=self.environment,
                stdout=log,
                stderr=log,
            )

    def finish(self, run: subprocess.Popen, seconds: float | None = None) -> bool:
        """Wait for a run; say whether it was over in time.

        Raises:
            SystemExit: it failed by itself.
        """
        try:
            code = run.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        if code:
            print((self.root / "run.log").read_text()[-3000:], file=sys.stderr)
            raise SystemExit(f"kills: a run ended with {code}, nobody had killed it")
        return True

    def kill(self, run: subprocess.Popen) -> None:
        """Kill a run with all that works in its folder, and release the folder."""
        for process in [psutil.Process(run.pid), *self.working()]:
            try:
                process.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue
        run.wait()
        while self.working():
            time.sleep(0.02)
        self.finish(self.start("--unlock"))

    def working(self) -> list[psutil.Process]:
        """List the processes in the folder; warm ones have left the run that started them."""
        found = []
        for process in psutil.process_iter(["cwd", "status"]):
            inside = Path(process.info["cwd"] or "/").is_relative_to(self.root)
            if inside and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process)
        return found

    def forget(self) -> None:
        """Go back to where nothing was made."""
        for process in self.working():  # warm processes
            process.kill()
        for name in ("data", "results", ".recloop", ".snakemake"):
            shutil.rmtree(self.root / name, ignore_errors=True)

    def hashes(self) -> dict[str, str]:
        """Hash what was made, by path."""
        files = [
            one for part in ("data", "results") for one in sorted((self.root / part).rglob("*"))
        ]
        return {
            str(file.relative_to(self.root)): content(file)
            for file in files
            if file.is_file() and file.suffix in (*COMPARED, *LEFTOVERS)
        }


def content(file: Path) -> str:
    """Hash what is in a file, without times."""
    if file.suffix == ".parquet":
        table = pl.read_parquet(file)
        kept = [name for name in table.columns if not any(word in name for word in TIMES)]
        return hashlib.sha256(table.select(kept).serialize(format="binary")).hexdigest()
    if file.suffix == ".safetensors":
        tensors = {n: t for n, t in load_file(file).items() if not n.startswith(TIMES)}
        parts = [name.encode() + tensors[name].numpy().tobytes() for name in sorted(tensors)]
        return hashlib.sha256(b"".join(parts)).hexdigest()
    return hashlib.sha256(file.read_bytes()).hexdigest()


def compare(found: dict[str, str], wanted: dict[str, str]) -> None:
    """Compare what two runs made.

    Raises:
        SystemExit: names the files that differ.
    """
    differ = sorted(
        name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name)
    )
    if differ:
        raise SystemExit("\n".join([*differ[:20], f"{len(differ)} files differ"]))
    print(f"over: all {len(found)} files are those of the undisturbed run", flush=True)


def main() -> None:
    """Run, kill, compare."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--studies", nargs="+", default=["hdt"], help="what is made (%(default)s)")
    parser.add_argument("--kills", type=int, default=3, help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments (%(default)s)")
    given = parser.parse_args()
    moments = random.Random(given.seed)
    with tempfile.TemporaryDirectory(prefix="kills ü ") as folder:
        whole, cut = (Copy(Path(folder) / name, given.studies) for name in ("whole", "cut"))
        started = time.monotonic()
        whole.finish(whole.start())
        took, wanted, killed, over = time.monotonic() - started, whole.hashes(), 0, 0
        whole.forget()
        print(f"undisturbed: {len(wanted)} files in {took:.1f} s", flush=True)
        while killed < given.kills or not over:
            run, moment = cut.start(), moments.uniform(0, took)
            if cut.finish(run, moment if killed < given.kills else None):
                compare(cut.hashes(), wanted)
                over += 1
                if killed < given.kills:
                    cut.forget()
                continue
            cut.kill(run)
            killed += 1
            print(f"killed after {moment:.1f} s ({killed} of {given.kills})", flush=True)
            over = 0
        cut.forget()
    print(f"{killed} kills, no file differs")


if __name__ == "__main__":
    main()
