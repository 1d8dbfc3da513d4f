"""A job's first process is warned; what learns below it hears of that, while the shell between them lives on."""

import signal
import subprocess
import sys

LEARNS = """
import signal, time
told = []
signal.signal(signal.SIGUSR1, lambda *_: told.append("told"))
print("learns", flush=True)
while not told:
    time.sleep(0.01)
print("writes its checkpoint")
"""
FIRST = """
import subprocess, sys
from recloop.plan.slurm import PREFIX, pass_on
pass_on()
command = f"{PREFIX} '{sys.executable}' '{sys.argv[1]}' 2>&1 | tee /dev/null"
print("ended with", subprocess.call(["bash", "-c", command]))
"""


def test_a_warning_reaches_what_learns_and_nothing_else_ends(tmp_path):
    learns = tmp_path / "learns.py"
    learns.write_text(LEARNS)
    command = [sys.executable, "-c", FIRST, str(learns)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout.readline() == "learns\n"
        run.send_signal(signal.SIGUSR1)
        assert run.communicate(timeout=60)[0] == "writes its checkpoint\nended with 0\n"
