"""The `recloop` command: data of your own, a model alone or to talk to, lists, kept results, audits, estimates.

recloop add-data clicks.csv
recloop run sasrec clicks
recloop list
recloop keep gsasrec
recloop audit modt4r
recloop trace results/modt4r/table_4_3.md --model sasrec --column HR@10
recloop plan modt4r --tier laptop
recloop doctor
recloop export run.zip
recloop live pmmir
"""

import argparse
import os
import sys

from recloop.commands import add_data, audit, doctor, export, keep, listing, live, plan, run, trace
from recloop.storage.settings import SettingsError

COMMANDS = {
    "add-data": add_data,
    "run": run,
    "list": listing,
    "keep": keep,
    "audit": audit,
    "plan": plan,
    "doctor": doctor,
    "export": export,
    "trace": trace,
    "live": live,
}


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; a fault is one line and exit status 1."""
    parser = argparse.ArgumentParser(
        prog="recloop",
        description="Data and models of your own, kept results, audits. The tables come from `snakemake`: README.md.",
    )
    words = parser.add_subparsers(required=True, metavar="COMMAND")
    for word, command in COMMANDS.items():
        one = words.add_parser(word, help=command.HELP, description=command.HELP)
        command.add_arguments(one)
        one.set_defaults(do=command.run)
    options = parser.parse_args(arguments)
    try:
        status = options.do(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # `recloop list | head`; what is left unsaid goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (SettingsError, *faults()) as fault:
        print(f"recloop: {fault}", file=sys.stderr)
        return 1


def faults() -> tuple[type[Exception], ...]:
    """List the errors that faults in the user's files raise; only loaded modules can have raised one."""
    names = (
        ("recloop.data.log_roles", "LogError"),
        ("recloop.data.quarantine", "MalformedError"),
        ("recloop.data.downloads", "SourceError"),
    )
    return tuple(getattr(sys.modules[room], name) for room, name in names if room in sys.modules)


if __name__ == "__main__":
    sys.exit(main())
