"""A failed job ends in its one sentence, without its command and without Snakemake's messages."""

import logging

import pytest

from recloop.plan.failures import Failures, listen, sentence


def record(message: str, **facts) -> logging.LogRecord:
    found = logging.LogRecord("snakemake", logging.ERROR, "", 0, message, (), None)
    found.__dict__ |= facts
    return found


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "split.log"
    path.write_text("epoch 1\nTraceback (most recent call last):\nrecloop: nothing is left.\n")
    return path


def test_the_sentence_of_a_log_is_found(log, tmp_path):
    assert sentence([str(log)]) == f"nothing is left. (more in {log})"
    log.write_text("train.py: its process died (out of memory, or killed)\n")
    assert sentence([str(log)]).startswith("train.py: its process died (out of memory, or killed)")
    log.write_text("")
    assert sentence([str(log)]).startswith("it ended without a word")
    assert sentence([str(tmp_path / "none.log")]) == "it ended without a word"


def test_a_failed_job_ends_the_run_with_its_sentence(log, capsys):
    found = Failures()
    assert found.filter(record("", event="job_info", rule_msg="split shop_views", jobid=3))
    assert not found.filter(record("RuleException:\nCalledProcessError in file x: Command '{}'"))
    error = {"event": "job_error", "rule_name": "split", "jobid": 3, "log": [str(log)]}
    assert found.filter(record("Error in rule split", **error))
    assert not found.filter(record("Shutting down, this might take some time."))
    over = "WorkflowError:\nAt least one job did not complete successfully."
    assert not found.filter(record(over))
    assert (
        capsys.readouterr().err
        == f"\nrecloop: split shop_views: nothing is left. (more in {log})\n"
    )


def test_a_lock_comes_with_its_remedy(capsys):
    assert not Failures().filter(record("LockException:\nError: Directory cannot be locked. Pl"))
    assert "make unlock" in capsys.readouterr().err


def test_other_messages_pass_and_the_log_file_keeps_all():
    logger = logging.Logger("snakemake")
    screen, file = logging.Handler(), logging.Handler()
    screen.set_name("DefaultStreamHandler")
    for handler in (screen, file):
        logger.addHandler(handler)
    listen(logger)
    assert [len(handler.filters) for handler in (screen, file)] == [1, 0]
    assert screen.filters[0].filter(record("1 of 2 steps (50%) done"))
