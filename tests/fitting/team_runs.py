"""Trainings of the examples by several processes, as a program of its own.

    python team_runs.py OUTPUT all
    python team_runs.py OUTPUT stop kill whole

`all` trains every example; the others one of them: `stop` tells the launcher to stop after some updates, `kill` kills
the last process without warning after some more. How each of these ended is a line, behind its name.

To load PyTorch takes longer than to learn: the processes of the second call are forked from one that has loaded it;
those of the first start anew, as they do in use.
"""

import json
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import examples
import torch
from safetensors.torch import save_file
from torch.distributed.launcher import api

from recloop.fitting.context import TrainingContext
from recloop.fitting.launch import TeamError, together
from recloop.fitting.schedule import Schedule
from recloop.fitting.team import here
from recloop.fitting.trainer import Trainer

CHANGES = {  # five batches an epoch, so that the last update of each has one
    "Pairs": {},  # with dropout
    "LanguageModel": {"keeps": "trained", "clip_norm": 0.5},  # most is frozen
    "Diffusion": {"average": 0.9},  # with noise
    "EndToEnd": {"pace": "cosine", "warm_up": 3},  # two rates
}
GIVEN = {"learning_rate": 0.03, "batch_size": 10, "epochs": 4, "accumulate": 2}
STOP, KILL = 4, 7


def fit(output, names, disturbance, launcher, device, threads):
    """Train examples; write weights, torch's random state and curve of each.

    `launcher` is the process that started these.
    """
    torch.set_num_threads(threads)
    written, place = [], here()
    sys.addaudithook(lambda event, said: written.append(said) if event == "open" else None)
    for name in names:
        schedule = Schedule(**GIVEN | CHANGES[name], processes=place.size)
        context = TrainingContext(1, output / name, device, print, name)
        torch.manual_seed(1)
        objective = getattr(examples, name)(schedule, context)
        trainer = Trainer(objective, context)
        disturbed(trainer, disturbance, launcher)
        weights = trainer.fit()
        if place.leads:
            curve = [{**row, "seconds": 0} for row in trainer.progress.curve]
            save_file(weights | {"random": torch.get_rng_state()}, output / f"{name}.safetensors")
            (output / f"{name}.json").write_text(json.dumps(curve))
    if not place.leads:
        mine = [str(said[0]) for said in written if {*"wax+"} & {*str(said[1])}]
        assert not [file for file in mine if str(output) in file]


def disturbed(trainer, disturbance, launcher):
    """Stop or kill on the way."""
    learn, place = trainer.learn, here()

    def learning(group):
        learn(group)
        if disturbance == "stop" and place.leads and trainer.progress.update == STOP:
            os.kill(launcher, signal.SIGTERM)
            while not trainer.stopping:  # the launcher hands it on when it gets to it
                time.sleep(0.01)
        if disturbance == "kill" and not place.leads and trainer.progress.update == KILL:
            os.kill(os.getpid(), signal.SIGKILL)

    trainer.learn = learning


def forked():
    """Let the launcher fork its processes from one that has loaded what they need."""
    loaded = ["examples", "recloop.fitting.trainer", "torch._dynamo"]  # the last by each optimiser
    multiprocessing.set_forkserver_preload(loaded)
    plain = api.LaunchConfig
    api.LaunchConfig = lambda **given: plain(**given | {"start_method": "forkserver"})


if __name__ == "__main__":
    output, *ways = sys.argv[1:]
    given = {"output": Path(output), "launcher": os.getpid(), "device": "cpu", "threads": 2}
    if ways == ["all"]:
        together(fit, 2, **given, names=list(CHANGES), disturbance="all")
        sys.exit()
    forked()
    for way in ways:
        try:
            together(fit, 2, **given, names=["Pairs"], disturbance=way)
            print(f"{way}: done", flush=True)
        except (SystemExit, TeamError) as error:
            print(f"{way}: {type(error).__name__}: {error}", flush=True)
