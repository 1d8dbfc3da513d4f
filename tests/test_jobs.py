"""Named jobs keep what came out in docs/jobs.md, and only then."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = importlib.util.spec_from_file_location("job", ROOT / "benchmarks/job.py")


@pytest.fixture
def job(tmp_path, monkeypatch):
    """Give the script, whose table is in another folder."""
    found = importlib.util.module_from_spec(SOURCE)
    SOURCE.loader.exec_module(found)
    monkeypatch.setattr(found, "KEPT", tmp_path / "jobs.md")
    return found


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
