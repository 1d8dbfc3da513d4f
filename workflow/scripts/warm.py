"""Run a rule's script in a process that has torch and polars loaded already.

    python -S workflow/scripts/warm.py workflow/scripts/train.py --seed 1 …

does what `python workflow/scripts/train.py --seed 1 …` does, without the two seconds of imports that each of some
hundred short jobs would pay; with --language before the script, without the six of transformers either, with --report
without those of matplotlib. The first call starts a server (warm_server.py, one of each flavour); each call makes it
fork a child that takes over the caller's folder, environment and output and runs the script. The server has no code of
recloop loaded, so a child always sees the files as they are now; it leaves when the run of Snakemake that it serves is
over and it has been idle for a while. A caller that is stopped stops its child. Where there is no fork to rely on
(anything but Linux), in a Slurm job (which has limits of its own and takes its processes along), where the server does
not come up in a minute, or with RECLOOP_WARM=0, the script runs the ordinary way.
"""

# Callers are many and short, so that this file loads as little as it can.
import array
import fcntl
import os
import socket
import sys
import time
from collections.abc import Callable

SERVER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "warm_server.py")
FOLDER = ".recloop"
FLAVOURS = {"--language": "language", "--report": "report"}  # of the server, by what it has loaded
FLAVOUR = next((argument for argument in sys.argv[1:2] if argument in FLAVOURS), None)
NAME = FLAVOURS.get(FLAVOUR, "warm")
SOCKET = f"{FOLDER}/{NAME}.sock"  # relative, because a socket's path has to be short
PATIENCE_SECONDS = 60
LOG = "RECLOOP_LOG"  # the job's log, which gets the tracebacks that the screen is spared


def call(command: list[str], line: socket.socket) -> int:
    """Hand a command to the server, wait for it and return its exit code."""
    with line:
        request = repr((command, os.getcwd(), dict(os.environ))).encode()
        outputs = array.array("i", [1, 2])
        line.sendmsg([len(request).to_bytes(4)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, outputs)])
        line.sendall(request)
        answer = line.recv(1)
    if not answer:
        print(f"{command[0]}: its process died (out of memory, or killed)", file=sys.stderr)
        return 1
    return answer[0]


def connect() -> socket.socket | None:
    """Reach the server; start it if nobody answers. None if it cannot be had in time, as on a very busy machine."""
    os.makedirs(FOLDER, exist_ok=True)
    given_up = time.monotonic() + PATIENCE_SECONDS
    with open(f"{FOLDER}/{NAME}.lock", "w") as lock:
        fcntl.flock(
            lock, fcntl.LOCK_EX
        )  # one of several first callers starts it, the others wait here
        ended = None
        while time.monotonic() < given_up:
            line = socket.socket(socket.AF_UNIX)
            try:
                line.connect(SOCKET)
                return line
            except OSError:
                line.close()
            if ended is None or ended() is not None:
                ended = start()
            time.sleep(0.05)
    return None


def start() -> Callable[[], int | None]:
    """Start the server; return what tells its exit code once it has ended."""
    import subprocess  # one caller in many starts it

    with open(f"{FOLDER}/{NAME}.log", "w") as log:
        own = [sys.executable, SERVER, "--serve", NAME, SOCKET]
        # In a session of its own, so that Ctrl-C in the terminal is not meant for it.
        server = subprocess.Popen(
            own, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    return server.poll


def may_share() -> bool:
    """Check whether a job may run outside the process that it was started in."""
    forbidden = os.environ.get("RECLOOP_WARM") == "0" or "SLURM_JOB_ID" in os.environ
    return sys.platform == "linux" and not forbidden


if __name__ == "__main__":
    job = sys.argv[1 + (FLAVOUR is not None) :]
    if os.environ.get(LOG):
        open(os.environ[LOG], "w").close()  # of an earlier try
    if may_share() and (line := connect()):
        sys.exit(call(job, line))
    os.execv(sys.executable, [sys.executable, SERVER, "--alone", *job])
