"""Named jobs keep what came out in docs/jobs.md, and only then."""

import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import job as program
import numpy as np
import perturbed
import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def job(tmp_path, monkeypatch):
    """Give the script, whose table is in another folder."""
    monkeypatch.setattr(program, "KEPT", tmp_path / "jobs.md")
    return program


def run(job, name: str, source: str) -> int:
    with pytest.raises(SystemExit) as ended:
        job.main(name, sys.executable, "-c", source)
    return ended.value.code


def outcomes(job) -> dict[str, str]:
    rows = job.ROW.finditer(job.KEPT.read_text())
    return {row[1]: row[0].split(" | ")[-1].removesuffix(" |") for row in rows}


def test_a_job_replaces_its_own_row_alone(job, capsys):
    assert run(job, "kills", "print('a'); print('== 3 kills, a|b ==')") == 0
    assert run(job, "audit", "import sys; print('1 fault'); sys.exit(1)") == 1
    assert outcomes(job) == {"audit": "FAILED: 1 fault", "kills": "3 kills, a/b"}
    assert run(job, "audit", "print('no fault')") == 0
    assert outcomes(job) == {"audit": "no fault", "kills": "3 kills, a/b"}
    assert "1 fault" in capsys.readouterr().out


@pytest.mark.parametrize("code", [2, 5])
def test_what_could_not_be_tried_leaves_the_last_result(job, code):
    run(job, "slurm-check", "print('as wanted')")
    assert run(job, "slurm-check", f"import sys; sys.exit({code})") == code
    assert outcomes(job) == {"slurm-check": "as wanted"}


def test_kept_results_are_of_jobs_that_there_are(job):
    there = re.findall(r"\$\(JOB\) ([a-z-]+) ", (ROOT / "Makefile").read_text())
    assert {"kills", "kept", "resume", "slurm-check", "audit"} <= set(there)
    kept = (ROOT / "docs/jobs.md").read_text()
    assert kept.startswith(job.HEAD)
    assert {row[1] for row in job.ROW.finditer(kept)} <= set(there)


def test_ci_kills_some_runs():
    """As many as `make kills` does when nobody asks for more, at moments of the day."""
    assert 'benchmarks/kills.py --kills 3 --seed "$moments"' in (ROOT / ".ci/run").read_text()


WHAT_A_PROCESS_SEES = """
import json, numpy, os, random, sys, time
folder = sys.argv[1]
with os.scandir(folder) as found:
    scanned = [one.name for one in found]
clock = sorted(time.time() for _ in range(200_000))
seen = [os.listdir(folder), scanned, clock[-1] - clock[0] > 1e7, random.random(), numpy.random.random(), hash("a")]
print(json.dumps(seen))
"""


def test_a_perturbed_process_sees_another_world(tmp_path):
    """Otherwise `make perturbed` and the test of randomness would compare a run with itself."""
    for name in "abc":
        (tmp_path / name).touch()
    seen = {}
    for name, path, told in (
        ("plain", "", perturbed.PLAIN),
        ("otherwise", perturbed.PERTURBED, perturbed.OTHERWISE),
    ):
        command = [sys.executable, "-c", WHAT_A_PROCESS_SEES, str(tmp_path)]
        environment = os.environ | told | {"PYTHONPATH": str(path)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        seen[name] = json.loads(done.stdout)
    assert seen["otherwise"][:3] == [["c", "b", "a"], ["c", "b", "a"], True]
    assert seen["plain"][2] is False
    again = random.Random(5)
    assert seen["otherwise"][3] == again.random() != seen["plain"][3]
    assert seen["otherwise"][4] == np.random.RandomState(6).random()
    assert seen["otherwise"][5] != seen["plain"][5]
