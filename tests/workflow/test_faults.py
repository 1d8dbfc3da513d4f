"""Faults around a run: two at once say so, and the first is none the worse for it."""

import signal
import subprocess
import sys
import time

from recloop.plan.failures import REMEDY

TABLE = "results/modt4r/table_4_3.md"


def test_a_second_run_in_the_same_folder_says_that_one_is_at_work(built):
    right = (built.root / TABLE).read_bytes()
    (built.root / TABLE).write_text("not this")
    command = [sys.executable, "-m", "snakemake", TABLE, *built.settings]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=built.root, env=built.environment, **quiet) as first:
        while not [*built.root.glob(".snakemake/locks/*output*")] and first.poll() is None:
            time.sleep(0.01)
        first.send_signal(signal.SIGSTOP)
        try:
            second = built.call(*command)
        finally:
            first.send_signal(signal.SIGCONT)
        assert first.wait() == 0
    assert second.returncode == 1
    assert REMEDY in second.stdout
    assert "Traceback" not in second.stdout
    assert (built.root / TABLE).read_bytes() == right
    assert built.plan() == set()
