"""Three guides for three kinds of user, whose commands and files exist."""

import re
import shlex
from pathlib import Path

import pytest

from recloop import __main__ as command

ROOT = Path(__file__).parents[1]
GUIDES = {
    "reproduce a paper": "reproduce",
    "compare a model": "own-data",
    "write a study": "own-study",
}
REPRODUCE = (ROOT / "docs/reproduce.md").read_text(encoding="utf-8")
LINES = re.findall(r"^\$ (.*)$", REPRODUCE, re.MULTILINE)


def test_the_readme_leads_to_each():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for aim, name in GUIDES.items():
        assert re.search(rf"{aim}[^|]*\|[^|]*\[docs/{name}\.md\]\(docs/{name}\.md\)", readme), aim


def test_links_lead_to_files():
    links = re.findall(r"\]\(([^)#]+)\)", REPRODUCE)
    assert links and [one for one in links if not (ROOT / "docs" / one).exists()] == []


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("recloop ")])
def test_every_command_has_these_options(line, capsys):
    _, word, *words = shlex.split(line)
    with pytest.raises(SystemExit):
        command.main([word, "--help"])
    known = capsys.readouterr().out
    assert [one for one in words if one.startswith("--") and one not in known] == []


def test_every_exhibit_there_is(plan):
    it = plan(studies=["gsasrec"])
    named = re.findall(r"results/gsasrec/(\w+)\.md", REPRODUCE)
    assert named and {*named} <= {*it.exhibits("gsasrec")}
    model, column = re.search(r"--model (\w+) --column (\S+)", REPRODUCE).groups()
    table = it.exhibits("gsasrec")["table_test"]
    assert model in it.studies["gsasrec"]["models"] and column in table["metrics"]


def test_every_benchmark_is_told_of():
    """A script with a command line stands in the table of benchmarks or is a named job of the Makefile."""
    told = (ROOT / "benchmarks/README.md").read_text() + (ROOT / "Makefile").read_text()
    scripts = [one for one in (ROOT / "benchmarks").glob("*.py") if "argparse" in one.read_text()]
    assert len(scripts) > 20
    assert not [one.name for one in scripts if one.name not in told]
