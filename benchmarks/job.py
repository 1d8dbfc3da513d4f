"""Run a named job and keep what came out in docs/jobs.md: every target of the Makefile that tests too much for a test.

    python benchmarks/job.py kills .venv/bin/python benchmarks/kills.py --kills 100

The last line that the job prints is its outcome. A job that could not be tried (any exit code but 0 and 1) leaves the
file as it was, with the last time that it was.
"""

import os
import platform
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "docs/jobs.md"
ROW = re.compile(r"^\| `([a-z-]+)` \|.*$", re.MULTILINE)
TRIED = (0, 1)  # exit codes
HEAD = """# Named jobs

Checks that take too long, or too much, for the test suite. Each `make` command below writes its own row when it has run
(`benchmarks/job.py`); a commit with `+` had changes that were not committed.

| job | last run | commit | machine | seconds | came out |
| --- | --- | --- | --- | --- | --- |
"""


def record(file: Path, name: str, *cells: str) -> None:
    """Put the row of a job into the table, in place of the one of its last time."""
    known = ROW.finditer(file.read_text(encoding="utf-8")) if file.exists() else ()
    rows = {row[1]: row[0] for row in known}
    rows[name] = f"| `{name}` | {' | '.join(cell.replace('|', '/') for cell in cells)} |"
    file.write_text(HEAD + "\n".join(rows[one] for one in sorted(rows)) + "\n", encoding="utf-8")


def follow(command: list[str]) -> tuple[int, str]:
    """Run a command, show what it prints, give its exit code and its last line."""
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    last = "it said nothing"
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as run:
        for line in run.stdout:
            print(line, end="", flush=True)
            last = line.strip(" =\n") or last
    return run.returncode, last


def git(*words: str) -> str:
    """Ask git about the project."""
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True).stdout.strip()


def main(name: str, *command: str) -> None:
    """Run a job, keep its row, end with its exit code."""
    commit = git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain") else "")
    started = time.monotonic()
    code, last = follow(list(command))
    if code in TRIED:
        took = f"{time.monotonic() - started:.0f}"
        machine = f"{os.cpu_count()} cores, {platform.machine()}"
        outcome = last if code == 0 else f"FAILED: {last}"
        record(KEPT, name, f"{datetime.now(UTC):%Y-%m-%d}", commit, machine, took, outcome)
    sys.exit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
