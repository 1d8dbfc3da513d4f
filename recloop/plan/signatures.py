"""What constructors take, read off their source, so that the plan can check keywords without importing torch."""

import ast
import functools
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from recloop.storage.fingerprint import ROOT, source_of
from recloop.storage.settings import SettingsError, nearest

FIRST = {"self", "cls"}


@dataclass(frozen=True)
class Signature:
    """The keywords of a constructor.

    Attributes:
        known: all of them, with those that `**settings` hands on to the class above.
        required: those without a default.
        open: whether more may be taken than can be seen, because a class above is not ours.
    """

    known: tuple[str, ...]
    required: frozenset[str]
    open: bool = False


def signature(path: str, room: str, where: str) -> Signature:
    """Read the keywords of a class off its source.

    Args:
        path: import path below `room`, or of a package of the user's own.
        room: package in which the path begins, such as recloop.models.
        where: the place that names the class, for errors.

    Raises:
        SettingsError: there is no such module or class.
    """
    module, _, name = path.rpartition(".")
    file = source_of(f"{room}.{module}") or elsewhere(module)
    if file is None:
        raise SettingsError(f"{where}: class: no module '{module}'{nearest(module, modules(room))}")
    if name not in (found := definitions(file)):
        raise SettingsError(f"{where}: class: {path} does not exist{nearest(name, found)}")
    return constructor(file, name)


def elsewhere(module: str) -> Path | None:
    """Find the source of a module outside of this package."""
    try:
        found = importlib.util.find_spec(module) if module else None
    except (ImportError, ValueError):
        return None
    return Path(found.origin) if found and (found.origin or "").endswith(".py") else None


def modules(room: str) -> list[str]:
    """List the modules of a room by their paths below it."""
    folder = ROOT.joinpath(*room.split("."))
    files = (file.relative_to(folder).with_suffix("") for file in folder.rglob("*.py"))
    return sorted(".".join(file.parts) for file in files if file.name != "__init__")


@functools.cache
def definitions(file: Path) -> dict[str, ast.stmt]:
    """Find classes, functions and imported names at the top of a file."""
    found = {}
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found[node.name] = node
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name: node for alias in node.names}
    return found


@functools.cache
def constructor(file: Path, name: str) -> Signature:
    """Read the keywords of a class (or of a function that makes one) in a file."""
    file, node = origin(file, name)
    if isinstance(node, ast.FunctionDef):
        return of_function(node)
    if not isinstance(node, ast.ClassDef):
        return Signature((), frozenset(), open=True)
    if any(ast.unparse(one).startswith("dataclass") for one in node.decorator_list):
        return of_fields(node)
    return of_chain([one for place in order(file, node.name) for one in own(*place)])


def origin(file: Path, name: str) -> tuple[Path, ast.stmt | None]:
    """Follow imports of recloop modules to where a name is defined; None where that is not ours."""
    node = definitions(file).get(name)
    if not isinstance(node, ast.ImportFrom):
        return file, node
    there = source_of(node.module or "")
    first = next(alias.name for alias in node.names if name in (alias.asname, alias.name))
    return origin(there, first) if there else (file, None)


@functools.cache
def order(file: Path, name: str) -> tuple[tuple[Path, str], ...]:
    """List a class and those above it in the order in which Python asks them (C3), as far as they are ours."""
    file, node = origin(file, name)
    if not isinstance(node, ast.ClassDef):
        return ()
    above = [order(file, base.id) for base in node.bases if isinstance(base, ast.Name)]
    waiting = [list(one) for one in (*above, [one[0] for one in above if one]) if one]
    found = [(file, name)]
    while waiting := [one for one in waiting if one]:
        later = {place for one in waiting for place in one[1:]}
        chosen = next(one[0] for one in waiting if one[0] not in later)
        found.append(chosen)
        waiting = [[place for place in one if place != chosen] for one in waiting]
    return tuple(found)


def own(file: Path, name: str) -> list[ast.FunctionDef]:
    """Find the constructor that a class itself defines."""
    return [node for node in definitions(file)[name].body if is_constructor(node)]


def of_chain(constructors: list[ast.FunctionDef]) -> Signature:
    """Join the keywords of a constructor with those that its `**settings` hands on to the next."""
    if not constructors:
        return Signature((), frozenset(), open=True)
    node, *above = constructors
    found = of_function(node)
    if not node.args.kwarg:
        return found
    higher = of_chain(above)
    left = [name for name in higher.known if name not in handed_on(node, higher)]
    return Signature(
        (*found.known, *left), found.required | (higher.required & {*left}), higher.open
    )


def handed_on(node: ast.FunctionDef, higher: Signature) -> set[str]:
    """List the keywords that a constructor itself passes to the one above."""
    calls = (one for one in ast.walk(node) if isinstance(one, ast.Call))
    for call in calls:
        if isinstance(call.func, ast.Attribute) and call.func.attr == "__init__":
            positional = sum(not isinstance(one, ast.Starred) for one in call.args)
            named = {keyword.arg for keyword in call.keywords if keyword.arg}
            return {*higher.known[:positional]} | named
    return set()


def is_constructor(node: ast.stmt) -> bool:
    """Check whether a statement of a class defines its constructor."""
    return isinstance(node, ast.FunctionDef) and node.name == "__init__"


def of_fields(node: ast.ClassDef) -> Signature:
    """Read the keywords of a dataclass."""
    fields = {one.target.id: one.value for one in node.body if isinstance(one, ast.AnnAssign)}
    needed = {name for name, default in fields.items() if default is None}
    return Signature((*fields,), frozenset(needed))


def of_function(node: ast.FunctionDef) -> Signature:
    """Read the keywords of one function."""
    given = node.args
    plain = [argument.arg for argument in (*given.posonlyargs, *given.args)]
    needed = plain[: len(plain) - len(given.defaults)]
    pairs = zip(given.kwonlyargs, given.kw_defaults, strict=True)
    needed += [argument.arg for argument, default in pairs if default is None]
    known = [*plain, *(argument.arg for argument in given.kwonlyargs)]
    return Signature(
        tuple(name for name in known if name not in FIRST),
        frozenset({*needed} - FIRST),
        open=given.kwarg is not None,
    )
