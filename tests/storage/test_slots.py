"""Jobs at once see different GPUs, and a killed one gives its own back; the GPUs are names, of a number made up."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVER = ROOT / "workflow/scripts/warm_server.py"
JOB = """
import os, time
print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
open(f"{os.getpid()}.seen", "w").close()
time.sleep(60)
"""


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Give a function that starts a job on some of two GPUs; jobs that are left are killed."""
    (tmp_path / "job.py").write_text(JOB)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("RECLOOP_GPU_NAMES", "0,GPU-7")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("RECLOOP_LOG", str(tmp_path / "job.log"))
    started = []

    def start(wanted: int) -> subprocess.Popen:
        environment = os.environ | {"RECLOOP_GPUS": str(wanted)}
        command = [sys.executable, str(SERVER), "--alone", "job.py"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(command, cwd=tmp_path, env=environment, **pipes))
        return started[-1]

    yield start
    for job in started:
        job.kill()
        job.communicate()


def test_jobs_at_once_see_different_gpus_and_a_killed_one_gives_its_own_back(start):
    jobs = [start(1), start(1)]
    seen = [job.stdout.readline().strip() for job in jobs]
    assert sorted(seen) == ["0", "GPU-7"]
    third = start(1)
    assert third.stderr.readline() == "waits for 1 of the GPUs 0, GPU-7\n"
    os.kill(jobs[1].pid, signal.SIGKILL)
    assert third.stdout.readline().strip() == seen[1]


def test_jobs_that_take_several_do_not_wait_for_each_other(start, tmp_path):
    """Each of three wants both GPUs: one after the other has them."""
    jobs = {job.pid: job for job in (start(2) for _ in range(3))}
    until = time.monotonic() + 20
    while jobs:
        served = [pid for pid in jobs if (tmp_path / f"{pid}.seen").exists()]
        assert len(served) < 2 and time.monotonic() < until
        for job in map(jobs.pop, served):
            assert job.stdout.readline() == "0,GPU-7\n"
            job.kill()
        time.sleep(0.02)


def test_more_than_there_are_is_one_line(start):
    job = start(3)
    assert job.wait(20) == 1
    assert job.stderr.read() == (
        "recloop: the job takes 3 GPUs and there are 2 (0, GPU-7): lower `processes`\n"
    )


def test_every_rule_that_asks_for_a_gpu_tells_its_job():
    for file in sorted((ROOT / "workflow/rules").glob("*.smk")):
        for rule in re.split(r"(?m)^(?:    )?rule ?", file.read_text()):
            assert ("gpu=" in rule) == ("RECLOOP_GPUS={resources.gpu}" in rule), file
