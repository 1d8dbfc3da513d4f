"""Settings with components in them, which are values with a `class`: keywords are found wherever they stand.

`discount=0.2` changes the settings themselves if they have a `discount`, otherwise the one component that has it;
`policy.discount=0.2` names the component.
"""

import functools
from collections.abc import Iterator
from typing import Any

from recloop.models import is_component, module_of
from recloop.storage.settings import SettingsError, nearest, parse

value_of = functools.cache(lambda text: parse(text, text))


def holder(settings: dict, key: str) -> dict | None:
    """Find the settings that have a keyword, these or those of a component in them.

    Raises:
        SettingsError: several components have it.
    """
    outer, _, inner = key.partition(".")
    if inner:
        component = settings.get(outer)
        return holder(component, inner) if is_component(component) else None
    if key in settings:
        return settings
    inside = {name: holder(one, key) for name, one in settings.items() if is_component(one)}
    found = {name: one for name, one in inside.items() if one is not None}
    if len(found) > 1:
        wanted = " or ".join(f"{name}.{key}" for name in found)
        raise SettingsError(f"'{key}' is in several components; write {wanted}")
    return next(iter(found.values()), None)


def read(settings: dict, key: str) -> Any:
    """Read the value of a keyword that the settings have."""
    return holder(settings, key)[last(key)]


def put(settings: dict, key: str, value: Any) -> None:
    """Change a keyword where it stands; one that stands nowhere joins the settings."""
    place = holder(settings, key)
    (settings if place is None else place)[last(key)] = value


def override(parts: dict[str, dict], key: str, text: str, where: str) -> str:
    """Set one keyword in the part that has it, or in the part with the component that has it; return its name."""
    direct = [name for name, settings in parts.items() if key in settings]
    nested = (name for name in parts if holder(parts[name], key) is not None)
    part = direct[0] if direct else next(nested, None)
    if part is None:
        known = [known for settings in parts.values() for known in keys(settings)]
        raise SettingsError(f"{where} overrides '{key}', which it has not{nearest(key, known)}")
    value, old = value_of(text), read(parts[part], key)
    if None not in (value, old) and kind(value) != kind(old):
        raise SettingsError(f"{where}: {key}={text} does not go with the study's {key}: {old!r}")
    put(parts[part], key, value)
    return part


def kind(value: object) -> str:
    """Return the sort of a value; whole numbers and others are one sort, true is none of them."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return "number" if number else type(value).__name__


def last(key: str) -> str:
    """Return the keyword without its component."""
    return key.rpartition(".")[2]


def keys(settings: dict) -> Iterator[str]:
    """List all keywords, those of components too."""
    for key, value in settings.items():
        yield key
        if is_component(value):
            yield from keys(value)


def modules(settings: dict) -> Iterator[str]:
    """List the modules of all classes in some settings.

    Raises:
        SettingsError: there is no such module.
    """
    for value in settings.values():
        if is_component(value):
            yield module_of(value["class"])
            yield from modules(value)
