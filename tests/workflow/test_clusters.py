"""Profiles of clusters plan every job, and a job reaches Kubernetes and comes back; real Slurm: `make slurm-check`."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGINS = {"slurm": "slurm", "kubernetes": "cluster_generic"}
KUBECTL = """#!{python}
# Stands for kubectl before a cluster of one machine: it does a job at once and remembers how that ended.
import json, subprocess, sys
from pathlib import Path
place, verb = Path(__file__).parent, sys.argv[1]
if verb == "create":
    given = json.load(sys.stdin)
    (place / "manifest.json").write_text(json.dumps(given))
    code = subprocess.call(given["spec"]["template"]["spec"]["containers"][0]["command"], stdout=sys.stderr)
    (place / "over").write_text("Failed" if code else "Complete")
    print("job.batch/recloop-1")
if verb == "get":
    assert sys.argv[3] == "recloop-1"
    print((place / "over").read_text())
"""
WORKFLOW = """
rule all:
    localrule: True
    input: "made/split"
rule read:
    output: "made/read"
    shell: "echo read > {output}"
rule split:
    input: "made/read"
    output: "made/split"
    resources: gpu=1
    shell: "cat {input} > {output}"
"""


@pytest.fixture(params=PLUGINS)
def profile(request):
    """Give a profile, if Snakemake's plug-in for it is installed."""
    plugin = f"snakemake_executor_plugin_{PLUGINS[request.param]}"
    if not importlib.util.find_spec(plugin):
        pytest.skip(f"{plugin} is not installed; EXTRAS=dev,lm,{request.param} ./setup.sh does it")
    return ["--workflow-profile", f"profiles/{request.param}"]


def test_every_job_is_planned_and_short_ones_are_one(profile, untouched):
    settings = ["--config", "tier=smoke", "studies=[gsasrec]", "device=cuda"]
    code, printed = untouched.run("--dry-run", "--quiet", "host", *profile, *settings)
    assert code == 0, printed[-3000:]
    assert "train, rank and evaluate on" in printed
    for group in ("data", "exhibits"):
        assert printed.count(f"Group job {group} ") == 1


@pytest.mark.parametrize("profile", ["kubernetes"], indirect=True)
def test_a_job_goes_to_kubernetes_and_comes_back(profile, tmp_path, monkeypatch):
    kubectl, project = tmp_path / "kubectl", tmp_path / "project ü"
    kubectl.write_text(KUBECTL.format(python=sys.executable))
    kubectl.chmod(0o755)
    shutil.copytree(ROOT / "profiles", project / "profiles")
    (project / "Snakefile").write_text(WORKFLOW)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    command = [sys.executable, "-m", "snakemake", *profile]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (project / "made/split").read_text() == "read\n"
    container = json.loads((tmp_path / "manifest.json").read_text())["spec"]["template"]["spec"]
    limits = container["containers"][0]["resources"]["limits"]
    assert limits == {"cpu": 1, "memory": "8000M", "nvidia.com/gpu": 1}
