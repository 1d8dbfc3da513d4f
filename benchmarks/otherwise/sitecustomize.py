"""Perturbs all that could be random but for the seed, in each Python that starts with this folder on PYTHONPATH.

Random states that somebody else has used, folders listed backwards, a clock that goes to and fro. What a whole process
is told (hash seed, threads, time zone) is in `benchmarks/perturbed.py` and in the test of randomness.
"""

import importlib.abc
import importlib.util
import os
import random
import sys
import time

YEARS = 1e8  # seconds, three years

listed, scanned, clock = os.listdir, os.scandir, time.time


class Backwards:
    """What `os.scandir` gives, in the other order."""

    def __init__(self, *folder):
        with scanned(*folder) as found:
            self.entries = iter(sorted(found, key=lambda entry: entry.name, reverse=True))

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.entries)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.entries = iter(())


class Used(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Uses the random states of libraries as soon as they are loaded."""

    states = {  # noqa: RUF012 of the class
        "numpy": lambda numpy: numpy.random.seed(6),
        "torch": lambda torch: (torch.manual_seed(7), torch.rand(3)),
    }

    def __init__(self):
        self.loaders = {}  # of those that are being loaded, by name

    def find_spec(self, name, path=None, target=None):
        if name not in self.states:
            return None
        sys.meta_path.remove(self)
        try:
            found = importlib.util.find_spec(name)
        finally:
            sys.meta_path.insert(0, self)
        if found and found.loader:
            self.loaders[name], found.loader = found.loader, self
        return found

    def create_module(self, spec):
        return self.loaders[spec.name].create_module(spec)

    def exec_module(self, module):
        self.loaders[module.__name__].exec_module(module)
        self.states[module.__name__](module)


os.listdir = lambda *folder: sorted(listed(*folder), reverse=True)
os.scandir = Backwards
time.time = lambda: clock() - YEARS * (int(clock() * 1000) % 2)
random.seed(5)
sys.meta_path.insert(0, Used())
