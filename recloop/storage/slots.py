"""GPUs of a machine, each lent to one job at a time, by locks on files that the kernel lifts when a job ends.

The plan names the GPUs (`NAMES`), a rule says how many its job takes (`WANTED`), and the job takes them before it
computes: whoever is killed gives them back, and another run of the same user on this machine waits like any job.
"""

import fcntl
import os
import sys
import tempfile
import time
from pathlib import Path

NAMES = "RECLOOP_GPU_NAMES"  # as CUDA_VISIBLE_DEVICES names them, with commas
WANTED = "RECLOOP_GPUS"
VISIBLE = "CUDA_VISIBLE_DEVICES"
GATE = "gate"  # who collects GPUs holds it, so that no two wait for each other's
PAUSE_SECONDS = 0.2
SAID: set[str] = set()  # lines that were printed


class SlotsError(RuntimeError):
    """A job wants more GPUs than there are."""


def take_wanted() -> None:
    """Take as many GPUs as this job wants, where the plan has named any, and let nothing else be seen."""
    names = [name for name in os.environ.get(NAMES, "").split(",") if name]
    wanted = int(os.environ.get(WANTED) or 0)
    if names and wanted:
        os.environ[VISIBLE] = ",".join(take(wanted, names, place()))


def place() -> Path:
    """Return the folder of this user's locks on this machine."""
    return Path(tempfile.gettempdir(), f"recloop-gpus-{os.getuid()}")


def take(wanted: int, names: list[str], folder: Path) -> list[str]:
    """Wait for free GPUs and hold them until this process, and whoever it forked, is over.

    Args:
        wanted: how many.
        names: of all GPUs.
        folder: of the locks.

    Returns:
        The names of those that are held, in the order of `names`.

    Raises:
        SlotsError: there are fewer than are wanted.
    """
    if wanted > len(names):
        raise SlotsError(
            f"the job takes {wanted} GPUs and there are {len(names)} ({', '.join(names)}): lower `processes`"
        )
    folder.mkdir(mode=0o700, exist_ok=True)
    held: set[str] = set()
    gate = lock(folder / GATE, wait=True)
    while True:
        for name in names:
            if len(held) < wanted and name not in held and lock(folder / name, wait=False):
                held.add(name)
        if len(held) == wanted:
            break
        say_once(f"waits for {wanted - len(held)} of the GPUs {', '.join(names)}")
        time.sleep(PAUSE_SECONDS)
    os.close(gate)
    return [name for name in names if name in held]


def say_once(line: str) -> None:
    """Tell the person who waits."""
    if line not in SAID:
        SAID.add(line)
        print(line, file=sys.stderr, flush=True)


def lock(file: Path, wait: bool) -> int | None:
    """Lock a file for as long as its number is open; None where somebody else has it."""
    number = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(number)
        return None
    return number
