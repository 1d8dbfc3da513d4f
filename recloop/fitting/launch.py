"""The start of several processes by PyTorch's own launcher (torchrun), which watches them and ends them together."""

import functools
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from typing import Any

# Handed on; the second is Slurm's warning.
SIGNALS = ("SIGTERM", "SIGUSR1", "SIGINT", "SIGHUP", "SIGQUIT")
TALKATIVE = ("torch.distributed.elastic", "torch.multiprocessing")  # loggers
GRACE = 2.0  # seconds in which the launcher sees who went before a process whose connection is gone
PARTS = ("training", "pretrain")  # of settings, where `processes` may stand


class TeamError(RuntimeError):
    """One of several processes failed."""


def processes_of(settings: Mapping) -> int:
    """Say how many processes some settings ask for."""
    return max((settings.get(part) or {}).get("processes") or 1 for part in PARTS)


def launched(function: Callable[..., None]) -> Callable[..., None]:
    """Let a function whose `settings` ask for several processes be called in each of them."""

    @functools.wraps(function)
    def call(**given: Any) -> None:
        processes = processes_of(given["settings"])
        if processes == 1:
            return function(**given)
        return together(function, processes, **given)

    return call


def together(function: Callable[..., None], processes: int, **given: Any) -> None:
    """Call a function in several processes at once, which share the `threads`; `recloop.fitting.team` knows them.

    Args:
        function: of a module, so that other processes find it; it writes in the first process only.
        processes: how many.
        given: its keywords; with `device` and `threads`.

    Raises:
        TeamError: one of them failed; the others are ended.
        SystemExit: they were told to stop, and wrote a checkpoint.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    # Signals are handed on; what the launcher says of failures is told below.
    os.environ["TORCHELASTIC_SIGNALS_TO_HANDLE"] = ",".join(SIGNALS)
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    for name in [one for one in logging.root.manager.loggerDict if one.startswith(TALKATIVE)]:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id="recloop",
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        start_method="spawn",
    )
    given["threads"] = max(1, given["threads"] // processes)
    try:
        with signals_restored():
            elastic_launch(config, member)(function, given)
    except SignalException:
        raise SystemExit("told to stop; run again to go on") from None
    except ChildFailedError as error:
        raise TeamError(reason(error)) from error


@contextmanager
def signals_restored() -> Iterator[None]:
    """Leave the handlers of signals as they were before the block, whose launcher has its own."""
    before = {
        number: signal.getsignal(number) for number in map(signal.Signals.__getitem__, SIGNALS)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def reason(error: Any) -> str:
    """Describe in a line what the first process that failed said."""
    rank, failure = error.get_first_failure()
    said = failure.message["message"] if isinstance(failure.message, dict) else failure.message
    lines = str(said or "it ended").strip().splitlines()
    return f"process {rank} of several failed: {lines[-1]}"


def member(function: Callable[..., None], given: dict[str, Any]) -> None:
    """Work as one of several processes; only the first one is heard."""
    from recloop.fitting.team import joined

    with joined(given["device"]) as place:
        try:
            if place.leads:
                return function(**given)
            with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
                function(**given)
        except SystemExit as stop:
            if place.leads:
                raise
            sys.exit(int(bool(stop.code)))
        except RuntimeError:
            time.sleep(
                GRACE
            )  # it may be that another one was lost, and the launcher names who ends first
            raise
