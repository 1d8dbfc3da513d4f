"""Loops that turn data and a model into weights, one module each: `prepare`, `train` and `rank`."""

from importlib import import_module
from types import ModuleType

PARTS = ("prepare", "train", "rank")


def loop_name(training: dict) -> str:
    """Name the module of a loop: `supervised` is recloop.training.supervised, a name with dots is taken as it is."""
    name = training["loop"]
    return name if "." in name else f"{__name__}.{name}"


def loop_of(settings: dict) -> ModuleType:
    """Import the loop that `training.loop` of some settings names.

    Raises:
        ValueError: there is no such module, or it lacks one of `prepare`, `train` and `rank`.
    """
    name = loop_name(settings["training"])
    try:
        loop = import_module(name)
    except ModuleNotFoundError as error:
        if error.name and not f"{name}.".startswith(f"{error.name}."):
            raise  # the loop is there, something that it imports is not
        raise ValueError(f"training.loop: there is no module {name} ({error})") from None
    missing = [part for part in PARTS if not hasattr(loop, part)]
    if missing:
        raise ValueError(f"training.loop: {name} has no {' and no '.join(missing)}")
    return loop
