"""`recloop doctor`: what is missing is said with what helps, and only what is needed makes it fail."""

import pytest

from recloop import __main__ as command
from recloop.commands import doctor


def test_every_check_says_something_and_this_machine_will_do(capsys):
    assert command.main(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert all(f" {name} " in printed for name in doctor.CHECKS if name != "lock")
    assert printed.endswith("all that a run needs is here\n")


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"installed": lambda name: None}, "snakemake"),
        ({"free_bytes": lambda folder: 1e6}, "0.0 GB free, 2 GB wanted: free some"),
        ({"project": lambda: {"requires-python": ">=9.1", "dependencies": []}}, "wanted >=9.1"),
    ],
)
def test_what_is_needed_and_missing_is_named(monkeypatch, capsys, change, part):
    for name, value in change.items():
        monkeypatch.setattr(doctor, name, value)
    assert command.main(["doctor"]) == 1
    printed = capsys.readouterr().out
    assert part in printed
    assert printed.splitlines()[-1].startswith("missing: ")


def test_another_version_than_the_locks_is_a_note():
    assert doctor.pins("a_b==1.2 ; python < '4'\nc[x]==3\n# d==4\n") == {"a-b": "1.2", "c": "3"}
