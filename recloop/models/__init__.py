"""Every model of the papers, one file each. A study names a model by its import path."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from inspect import signature
from pkgutil import walk_packages
from typing import Any, get_origin

from recloop.storage.settings import SettingsError, nearest


def build(settings: Mapping[str, Any], **facts: Any) -> Any:
    """Make the model, or the part of one, that a study describes.

    A value with a `class` is a component. It arrives in the constructor as a function that makes a fresh one, because
    some models need two, and because what surrounds a component knows more about it: `tracker(inputs=64)` gives one
    more fact.

    Args:
        settings: `class`, see `locate`, and the keywords of its constructor.
        facts: what the data set says (`items`, `sequences`, `item_counts`, `item_vectors`, `length`) and what surrounds
            a component; a constructor gets those that its signature names, where the settings do not say otherwise.

    Raises:
        SettingsError: no such class, or a word where a component belongs.
        TypeError: a keyword that the constructor does not have, or one that it misses.
    """
    made = locate(settings["class"])
    arguments = {
        name: partial(build, value, **facts) if is_component(value) else value
        for name, value in settings.items()
        if name != "class"
    }
    wanted = keywords(made)
    for name, value in arguments.items():
        if get_origin(wanted.get(name)) is Callable and not callable(value):
            raise SettingsError(
                f"{made.__name__}: {name}={value!r}: describe it by its class, {{class: …}}"
            )
    given = {name: fact for name, fact in facts.items() if name in wanted}
    return made(**given | arguments)


def is_component(value: Any) -> bool:
    """Check whether a value of a model's settings describes a part of it."""
    return isinstance(value, Mapping) and "class" in value


def locate(name: str) -> type:
    """Find a class: `sequential.sqn.SQN` is SQN in recloop/models/sequential/sqn.py, otherwise an import path.

    Raises:
        SettingsError: neither is there; says which one is nearest.
    """
    found, cls = import_module(module_of(name)), name.rpartition(".")[2]
    if not hasattr(found, cls):
        known = [key for key, value in vars(found).items() if isinstance(value, type)]
        raise SettingsError(f"class: {found.__name__} has no '{cls}'{nearest(cls, known)}")
    return getattr(found, cls)


def module_of(name: str) -> str:
    """Return the module of a class, below recloop.models if it is there.

    Raises:
        SettingsError: no such module; says which one is nearest.
    """
    module = name.rpartition(".")[0]
    for path in (f"{__name__}.{module}", module):
        if exists(path):
            return path
    known = [
        one.name.removeprefix(f"{__name__}.") for one in walk_packages(__path__, f"{__name__}.")
    ]
    raise SettingsError(
        f"class: '{name}' is neither in recloop.models nor importable{nearest(module, known)}"
    )


def exists(module: str) -> bool:
    """Check whether there is a module, without running it."""
    try:
        return bool(module) and find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def keywords(model: type) -> dict[str, Any]:
    """Annotate the keywords of a constructor, with those that `**settings` hands on to the class above."""
    found: dict[str, Any] = {}
    for cls in model.__mro__:
        parameters = signature(cls.__init__).parameters.values()
        taken = {p.name: p.annotation for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD}
        found = taken | found
        if all(p.kind is not p.VAR_KEYWORD for p in parameters):
            break
    return {name: annotation for name, annotation in found.items() if name != "self"}
