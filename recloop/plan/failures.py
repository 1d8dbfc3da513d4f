"""What a failed job says to the user: the one sentence in its log instead of its command and Snakemake's messages."""

import logging
import sys
from collections.abc import Iterable
from pathlib import Path

PREFIX = "recloop: "  # before the sentence that a job ends with, see workflow/scripts/warm.py
OVER = "At least one job did not complete successfully"
NOISE = ("Exiting because a job execution failed", "Shutting down, this might")
COMMAND = "RuleException:\nCalledProcessError"  # with the whole command, JSON and all
LOCK = "Directory cannot be locked"
REMEDY = (
    "recloop: another run is at work in this folder, or one was killed. If none is running, release "
    "the folder with `make unlock` (snakemake --unlock) and run again; it goes on where it stopped."
)


class Failures(logging.Filter):
    """Replaces Snakemake's messages about failed jobs on the screen; its log file keeps them all.

    Attributes:
        titles: what every job does, by its number.
        failed: one line for every failed job.
    """

    def __init__(self):
        super().__init__()
        self.titles: dict[int, str] = {}
        self.failed: list[str] = []

    def filter(self, record: logging.LogRecord) -> bool:
        """Note failed jobs; hide what repeats their command, and end with their sentences."""
        number, message = getattr(record, "jobid", None), record.getMessage()
        if title := getattr(record, "rule_msg", None):
            self.titles[number] = title
        if str(getattr(record, "event", "")).endswith(("JOB_ERROR", "job_error")):
            title = self.titles.get(number) or record.rule_name
            self.failed.append(f"{PREFIX}{title}: {sentence(record.log)}")
        if OVER in message and self.failed:
            print("\n".join(["", *dict.fromkeys(self.failed)]), file=sys.stderr)
        if LOCK in message:
            print(REMEDY, file=sys.stderr)
        hidden = (COMMAND, LOCK, *((*NOISE, OVER) if self.failed else ()))
        return not any(part in message for part in hidden)


def sentence(logs: Iterable[str]) -> str:
    """Find the sentence that a job ended with, with the log that holds its traceback."""
    for log in map(Path, logs):
        if not log.exists():
            continue
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        prefixed = [line.removeprefix(PREFIX) for line in lines if line.startswith(PREFIX)]
        rest = [line for line in lines if line.strip()]
        return f"{(prefixed or rest or ['it ended without a word'])[-1]} (more in {log})"
    return "it ended without a word"


def listen(logger: logging.Logger) -> None:
    """Filter what Snakemake writes to the screen."""
    for handler in logger.handlers:
        if handler.get_name() == "DefaultStreamHandler":
            handler.filters.insert(0, Failures())
