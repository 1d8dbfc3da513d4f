"""Run a rule's script in a process that has torch and polars loaded already.

    python -S workflow/scripts/warm.py workflow/scripts/train.py --seed 1 …

does what `python workflow/scripts/train.py --seed 1 …` does, without the two seconds of imports that each of some
hundred short jobs would pay; with --language before the script, without the six of transformers either, with --report
without those of matplotlib. The first call starts a server (one of each flavour); each call makes it fork a child that
takes over the caller's folder, environment and output and runs the script. The server has no code of recloop loaded, so
a child always sees the files as they are now; it leaves when the run of Snakemake that it serves is over and it has
been idle for a while. A caller that is stopped stops its child. Where there is no fork to rely on (anything but Linux),
in a Slurm job (which has limits of its own and takes its processes along), or with RECLOOP_WARM=0, the script runs the
ordinary way.
"""

import array
import fcntl
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

FOLDER = Path(".recloop")
FLAVOURS = {
    "--language": "language",
    "--report": "report",
}  # of the server, by what it has loaded
FLAVOUR = next((argument for argument in sys.argv[1:3] if argument in FLAVOURS), None)
NAME = FLAVOURS.get(FLAVOUR, "warm")
SOCKET = str(FOLDER / f"{NAME}.sock")  # relative, because a socket's path has to be short
IDLE_SECONDS = 20
PATIENCE_SECONDS = 60
RUN = "RECLOOP_RUN"  # the process of Snakemake whose jobs the server is for
LOG = "RECLOOP_LOG"  # the job's log, which gets the tracebacks that the screen is spared
LONGEST = 300  # characters of an error that nobody expected


def call(command: list[str]) -> int:
    """Hand a command to the server, wait for it and return its exit code."""
    with connect() as line:
        request = json.dumps(
            {"command": command, "folder": os.getcwd(), "environment": dict(os.environ)}
        ).encode()
        outputs = array.array("i", [1, 2])
        line.sendmsg([len(request).to_bytes(4)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, outputs)])
        line.sendall(request)
        answer = line.recv(1)
    if not answer:
        print(f"{command[0]}: its process died (out of memory, or killed)", file=sys.stderr)
        return 1
    return answer[0]


def connect() -> socket.socket:
    """Reach the server; start it if nobody answers."""
    FOLDER.mkdir(exist_ok=True)
    given_up = time.monotonic() + PATIENCE_SECONDS
    with open(FOLDER / f"{NAME}.lock", "w") as lock:
        fcntl.flock(
            lock, fcntl.LOCK_EX
        )  # one of several first callers starts it, the others wait here
        server = None
        while time.monotonic() < given_up:
            line = socket.socket(socket.AF_UNIX)
            try:
                line.connect(SOCKET)
                return line
            except OSError:
                line.close()
            if server is None or server.poll() is not None:
                server = start()
            time.sleep(0.05)
    raise SystemExit(
        f"no answer from {SOCKET} in {PATIENCE_SECONDS} s; set RECLOOP_WARM=0 to do without it"
    )


def start() -> subprocess.Popen:
    """Start the server in a session of its own, so that Ctrl-C in the terminal is not meant for it."""
    with open(FOLDER / f"{NAME}.log", "w") as log:
        own = [sys.executable, __file__, "--serve", *([FLAVOUR] if FLAVOUR else [])]
        return subprocess.Popen(
            own, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )


def serve() -> None:
    """Load the packages, then fork a child for each caller until nobody has come for a while."""
    import docstring_parser  # noqa: F401
    import jsonargparse  # noqa: F401
    import jsonschema  # noqa: F401
    import polars  # noqa: F401

    if NAME == "report":  # needs no torch
        import fontTools.subset  # noqa: F401
        import matplotlib.backends.backend_agg
        import matplotlib.backends.backend_pdf
        import matplotlib.backends.backend_svg  # noqa: F401
        import seaborn  # noqa: F401
    else:
        import safetensors.torch  # noqa: F401
        import torch._dynamo  # noqa: F401 the first optimiser of a process loads it, in three seconds

    if NAME == "language":
        import tokenizers  # noqa: F401
        import transformers.models.clip.modeling_clip  # noqa: F401

    signal.signal(
        signal.SIGCHLD, lambda *_: None
    )  # so that waiting is cut short; children are reaped below
    Path(SOCKET).unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(SOCKET)
        os.chmod(SOCKET, 0o600)
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
        Path(SOCKET).unlink(missing_ok=True)


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
    request = json.loads(line.recv(int.from_bytes(head), socket.MSG_WAITALL))
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    threading.Thread(target=follow, args=(line,), daemon=True).start()
    sys.argv = request["command"]


def execute(command: list[str]) -> int:
    """Run a script as the main program; an error becomes one sentence and its traceback goes to the log."""
    sys.argv = command
    sys.path[0] = str(Path(command[0]).parent)
    try:
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


def may_share() -> bool:
    """Check whether a job may run outside the process that it was started in."""
    forbidden = os.environ.get("RECLOOP_WARM") == "0" or "SLURM_JOB_ID" in os.environ
    return sys.platform == "linux" and not forbidden


if __name__ == "__main__":
    job = [argument for argument in sys.argv[1:] if argument not in FLAVOURS]
    if job == ["--serve"]:
        serve()
    elif job[0] == "--alone":
        sys.exit(execute(job[1:]))
    else:
        if os.environ.get(LOG):
            open(os.environ[LOG], "w").close()  # of an earlier try
        if may_share():
            sys.exit(call(job))
        os.execv(sys.executable, [sys.executable, __file__, "--alone", *job])
