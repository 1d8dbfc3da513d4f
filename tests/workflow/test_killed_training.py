"""A training whose process is killed goes on where it was when the workflow is run again."""

import re
import signal
import subprocess
import sys
import time

import psutil
import pytest
import yaml

LONG = {"epochs": 60, "patience": 60}


@pytest.fixture
def project(built, changed):
    """A project whose data are there and whose trainings take a second or two."""

    def longer(text: str) -> str:
        tier = yaml.safe_load(text)
        tier["smoke"]["training"] |= LONG
        return yaml.safe_dump(tier)

    changed("studies/modt4r/tiers.yaml", longer)
    changed("tiers/smoke.yaml", lambda text: re.sub("runs_per_job: .*", "runs_per_job: 1", text))
    return built


def weights_of(project) -> str:
    """Ask the plan where the weights of GRU4Rec will be: it learns without the vectors of another run."""
    source = (
        "import yaml; from recloop.plan import Plan; from recloop.plan.studies import Run;"
        "plan = Plan(yaml.safe_load(open('config.yaml')) | {'tier': 'smoke'});"
        "print(plan.weights(Run('modt4r', 'retailrocket', 'gru4rec', 1)).record)"
    )
    return project.call(sys.executable, "-c", source).stdout.strip()


def wait_for(found, seconds: float = 60):
    """Wait until `found()` gives something and give that."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if result := found():
            return result
        time.sleep(0.02)
    raise TimeoutError


def trainings(process: psutil.Process) -> list[psutil.Process]:
    children = process.children(recursive=True)
    return [child for child in children if "workflow/scripts/train.py" in child.cmdline()]


def test_goes_on(project):
    weights = weights_of(project)
    command = [sys.executable, "-m", "snakemake", weights, *project.settings]
    environment = project.environment | {"RECLOOP_WARM": "0"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=project.root, env=environment, **quiet) as run:
        wait_for(lambda: list(project.root.glob(".recloop/checkpoints/*/*.safetensors")))
        for training in trainings(psutil.Process(run.pid)):
            training.send_signal(signal.SIGKILL)
        assert run.wait() != 0
    assert not (project.root / weights).exists()
    project.snakemake(weights)
    logs = [log.read_text() for log in project.root.glob("results/modt4r/runs/**/train.log")]
    assert any("goes on after update" in log for log in logs)
    assert not list(project.root.glob(".recloop/checkpoints/*/*.safetensors"))
