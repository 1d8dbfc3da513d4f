"""What Slurm tells a job reaches its trainings: on most clusters a signal goes to a job's first process alone."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

WARNING = signal.SIGUSR1  # before the time limit, see profiles/slurm
# Shells, and what they start, outlive what they are told, until the training has written its checkpoint. The first
# part is what Snakemake puts before commands of its own accord.
PREFIX = "set -euo pipefail; trap '' TERM USR1; "


def pass_on() -> None:
    """Pass the warning on to all processes below this one, which is Snakemake's in a job."""
    signal.signal(WARNING, lambda *_: warn_all())


def warn_all() -> None:
    """Warn all processes below this one; those that do not train ignore it."""
    for process in list(below(os.getpid())):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, WARNING)


def below(process: int) -> Iterator[int]:
    """List the processes that a process has started, and those that these have."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it is over
        for thread in Path(f"/proc/{process}/task").iterdir():
            for child in (thread / "children").read_text().split():
                yield int(child)
                yield from below(int(child))
