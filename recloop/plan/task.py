"""A task by its name: what kind of study it is decides which data it needs; recloop/tasks/ says how."""

from importlib import import_module
from types import ModuleType

from recloop.storage.fingerprint import ROOT, source_of
from recloop.storage.settings import SettingsError, nearest


def task_of(name: str) -> ModuleType:
    """Find a task: `sequences` is a module of recloop/tasks, a name with dots one of a package of the user's own.

    Raises:
        SettingsError: there is no such module.
    """
    module = name if "." in name else f"recloop.tasks.{name}"
    if source_of(module) is None:
        known = sorted(path.stem for path in (ROOT / "recloop/tasks").glob("[a-z]*.py"))
        raise SettingsError(f"task: no '{name}'{nearest(name, known)}")
    return import_module(module)
