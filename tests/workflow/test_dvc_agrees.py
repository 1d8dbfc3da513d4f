"""DVC and Snakemake agree: after either the other has nothing to do, and what was pulled is not made again.

`make kept` runs it: a whole study is made, recorded, pushed and pulled, which takes more than a minute.
"""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

ASKED = "RECLOOP_DVC"
STUDY = "gsasrec"
pytestmark = pytest.mark.skipif(ASKED not in os.environ, reason="takes long; make kept runs it")


def succeed(project, *command: str) -> str:
    """Run a command that has to work; give what it printed."""
    done = project.call(*command)
    assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}"
    return done.stdout


def dvc(*words: str) -> list[str]:
    return [sys.executable, "-m", "dvc", *words]


def made(project) -> dict[str, int]:
    """List what was made, with the time of each file."""
    files = (file for part in ("data", "results") for file in (project.root / part).rglob("*"))
    return {str(one.relative_to(project.root)): one.stat().st_mtime_ns for one in files}


def trainings(project) -> set[str]:
    return {job for job in project.plan() if job.startswith("train")}


def under_dvc(it, remote) -> None:
    """Put a project under git and DVC, with a folder as DVC's remote, and make its own settings tiny."""
    it.settings = []
    small = {"tier": "smoke", "studies": [STUDY], "seeds": [1], "device": "cpu"}
    it.edit_yaml("config.yaml", lambda config: config | small)
    succeed(it, "git", "init", "-q")
    succeed(it, *dvc("init", "-q"))
    succeed(it, *dvc("remote", "add", "-q", "-d", "folder", str(remote)))


@pytest.fixture(scope="module")
def project(copied, tmp_path_factory):
    """A project under DVC in which Snakemake has made everything."""
    it = copied()
    it.remote = tmp_path_factory.mktemp("remote")
    under_dvc(it, it.remote)
    it.snakemake()
    return it


def test_after_snakemake_dvc_trains_nothing(project):
    before = {name: when for name, when in made(project).items() if name.endswith("tensors")}
    assert before
    succeed(project, *dvc("repro"))
    after = made(project)
    assert all(after[name] == when for name, when in before.items())
    assert project.plan() == set()
    assert "didn't change" in succeed(project, *dvc("repro"))


def test_after_dvc_snakemake_has_nothing_to_do(copied, tmp_path):
    it = copied()
    under_dvc(it, tmp_path)
    succeed(it, *dvc("repro"))
    before = made(it)
    assert it.plan() == set()
    it.snakemake()
    assert made(it) == before
    shown = succeed(it, *dvc("metrics", "show"))
    assert STUDY in shown


def test_an_interrupted_push_is_gone_on_with(project):
    pushing = subprocess.Popen(dvc("push"), cwd=project.root, env=project.environment)
    until = time.monotonic() + 120
    while pushing.poll() is None and time.monotonic() < until:
        if any(project.remote.rglob("*")):
            pushing.send_signal(signal.SIGKILL)
            pushing.wait()
        time.sleep(0.005)
    succeed(project, *dvc("push"))
    assert "in sync" in succeed(project, *dvc("status", "-c"))


def test_a_fresh_clone_that_pulls_trains_nothing(project, copied):
    clone = copied()
    under_dvc(clone, project.remote)
    shutil.copyfile(project.root / "dvc.lock", clone.root / "dvc.lock")
    succeed(clone, *dvc("pull"))
    clone.snakemake("--touch")
    assert trainings(clone) == set()
    page = f"results/{STUDY}/README.md"
    assert (clone.root / page).read_bytes() == (project.root / page).read_bytes()
