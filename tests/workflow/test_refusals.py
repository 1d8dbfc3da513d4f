"""What cannot work stops before the first job with one sentence."""

from pathlib import Path

import pytest
import torch


def made(project) -> dict[Path, int]:
    """List the files that jobs make, with their times."""
    files = (file for part in ("data", "results") for file in (project.root / part).rglob("*"))
    return {file: file.stat().st_mtime_ns for file in files}


def refused(project, *arguments: str) -> str:
    """Ask for a whole run; give the last line of what was printed."""
    before = made(project)  # other tests may have made something here
    code, printed = project.run("--config", "tier=smoke", "studies=[modt4r]", *arguments)
    assert code == 1
    assert "Traceback" not in printed
    assert made(project) == before
    return printed.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("seeds=[1.0]", "config.yaml: seeds.0: 1.0 is no whole number; write 1"),
        pytest.param(
            "device=cuda",
            "config.yaml: device: cuda, but PyTorch cannot use a GPU here (there is none); write auto or cpu",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="here it would be used"),
        ),
    ],
)
def test_a_wrong_setting_of_the_command_line(untouched, argument, sentence):
    assert refused(untouched, argument) == f"recloop: {sentence}"


def test_a_wrong_setting_of_a_file(untouched):
    file = untouched.root / "studies/modt4r/tiers.yaml"
    before = file.read_text()
    file.write_text(before.replace("epochs: 2", "epoch: 2", 1))
    try:
        sentence = "tier smoke, modt4r: training: unknown 'epoch'; did you mean 'epochs'?"
        assert refused(untouched) == f"recloop: {sentence}"
    finally:
        file.write_text(before)


def test_another_working_directory(untouched, tmp_path):
    file = str(untouched.root / "Snakefile")
    code, printed = untouched.run("--snakefile", file, "--cores", "1", "--directory", str(tmp_path))
    assert code == 1
    assert "recloop: the project works in its own folder" in printed
    assert not [*Path(tmp_path).glob("data")]
