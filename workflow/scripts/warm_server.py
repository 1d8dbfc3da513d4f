"""The other side of warm.py: a process that has packages loaded, and children that run scripts as the main program.

    python workflow/scripts/warm_server.py --serve warm .recloop/warm.sock
    python workflow/scripts/warm_server.py --alone workflow/scripts/train.py --seed 1 …

`--alone` runs a script in this process, without a server.
"""

import array
import ast
import os
import runpy
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

IDLE_SECONDS = 20
RUN = "RECLOOP_RUN"  # the process of Snakemake whose jobs the server is for
LOG = "RECLOOP_LOG"  # the job's log, which gets the tracebacks that the screen is spared
GPUS = "RECLOOP_GPUS"  # how many a job takes, see recloop/storage/slots.py
EVERY = ("docstring_parser", "jsonargparse", "jsonschema", "polars")
# The first optimiser of a process loads torch._dynamo, in three seconds.
HEAVY = ("safetensors.torch", "torch._dynamo")
LOADED = {
    "warm": HEAVY,
    "language": (*HEAVY, "tokenizers", "transformers.models.clip.modeling_clip"),
    "report": (  # needs no torch
        "fontTools.subset",
        "matplotlib.backends.backend_agg",
        "matplotlib.backends.backend_pdf",
        "matplotlib.backends.backend_svg",
        "seaborn",
    ),
}
LONGEST = 300  # characters of an error that nobody expected


def serve(name: str, place: str) -> None:
    """Load the packages, then fork a child for each caller until the run is over and nobody has come for a while.

    Args:
        name: warm, language or report: what to load.
        place: path of the socket.
    """
    for package in (*EVERY, *LOADED[name]):
        import_module(package)
    signal.signal(
        signal.SIGCHLD, lambda *_: None
    )  # so that waiting is cut short; children are reaped below
    Path(place).unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(place)
        os.chmod(place, 0o600)
        door.listen(64)
        door.settimeout(1)
        children: set[int] = set()
        last, over = time.monotonic(), end_of_run()
        while children or time.monotonic() - last < IDLE_SECONDS or not over():
            children -= {child for child in children if os.waitpid(child, os.WNOHANG)[0]}
            try:
                line = door.accept()[0]
            except TimeoutError:
                continue
            last = time.monotonic()
            children.add(fork(line, door))
            line.close()
        Path(place).unlink(missing_ok=True)


def end_of_run() -> Callable[[], bool]:
    """Give a function that tells whether the run that the server is for is over."""
    try:
        run = os.pidfd_open(int(os.environ[RUN]))
    except (KeyError, ValueError, OSError):  # no run, or gone already
        return lambda: True
    return lambda: bool(select.select([run], [], [], 0)[0])


def fork(line: socket.socket, door: socket.socket) -> int:
    """Make a child that serves one caller."""
    if child := os.fork():
        return child
    door.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    code = 1
    try:
        become(line)
        code = execute(sys.argv)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        line.sendall(bytes([code & 255]))
        os._exit(code & 255)  # no clean-up of what belongs to the server


def become(line: socket.socket) -> None:
    """Take over the caller's folder, environment, output and command."""
    head, rights, *_ = line.recvmsg(4, socket.CMSG_SPACE(8))
    for number, given in enumerate(array.array("i", rights[0][2]), start=1):
        os.dup2(given, number)
        os.close(given)
    request = line.recv(int.from_bytes(head), socket.MSG_WAITALL).decode()
    command, folder, environment = ast.literal_eval(request)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    threading.Thread(target=follow, args=(line,), daemon=True).start()
    sys.argv = command


def execute(command: list[str]) -> int:
    """Run a script as the main program; an error becomes one sentence and its traceback goes to the log."""
    sys.argv = command
    sys.path[0] = str(Path(command[0]).parent)
    try:
        if os.environ.get(GPUS, "0") != "0":
            import_module("recloop.storage.slots").take_wanted()
        runpy.run_path(command[0], run_name="__main__")
    except SystemExit as stop:
        if isinstance(stop.code, str):
            print(stop.code, file=sys.stderr)
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except Exception as error:
        sys.stdout.flush()
        keep(error)
        print(f"recloop: {sentence(error)}", file=sys.stderr, flush=True)
        return 1
    return 0


def keep(error: Exception) -> None:
    """Write a traceback to the log of the job, or to the screen where it has none."""
    if log := os.environ.get(LOG):
        with open(log, "a", encoding="utf-8") as file:
            traceback.print_exception(error, file=file)
    else:
        traceback.print_exception(error)


def sentence(error: Exception) -> str:
    """Describe in one line what went wrong."""
    text = " ".join(str(error).split())
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {str(error.strerror).lower()}"
    frames = traceback.extract_tb(error.__traceback__)
    of_ours = bool(frames) and f"{os.sep}recloop{os.sep}" in frames[-1].filename
    known = any(kind.__module__.startswith("recloop.") for kind in type(error).__mro__)
    if known or (of_ours and isinstance(error, ValueError)):
        return text
    return f"unexpected {type(error).__name__}: {text[:LONGEST]}"


def follow(line: socket.socket) -> None:
    """Stop when the caller is gone."""
    line.recv(1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        serve(*sys.argv[2:])
    else:
        sys.exit(execute(sys.argv[2:]))
