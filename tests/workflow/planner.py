"""Runs Snakemake in children of a process that has loaded its packages: to load them takes longer than to plan.

    python tests/workflow/planner.py

Each line that comes in is a call as JSON: `words` behind `snakemake`, the `folder` to work in, the `environment`, and
the file for the `output`. The exit code goes out as a line. Nothing of recloop is loaded before the fork, so that a
child has the code of the project that it works in.
"""

import json
import os
import runpy
import sys

import snakemake.cli  # noqa: F401 children find it loaded


def become(words: list[str], folder: str, environment: dict[str, str], output: str) -> None:
    """Take over a caller's folder, environment and words; nothing comes in, and what is printed goes into a file."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:1] = [folder, *environment["PYTHONPATH"].split(os.pathsep)]
    sys.argv = ["snakemake", *words]
    with open(os.devnull) as nothing, open(output, "w") as file:
        os.dup2(nothing.fileno(), 0)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


for line in sys.stdin:
    if child := os.fork():
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    become(**json.loads(line))
    runpy.run_module("snakemake", run_name="__main__", alter_sys=True)
    break
