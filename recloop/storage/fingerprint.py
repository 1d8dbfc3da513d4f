"""What a result was made from, as short hashes: settings, and the code that a job imports."""

import ast
import functools
import hashlib
import importlib.util
import json
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[2]


def digest(*parts: object) -> str:
    """Hash JSON-like values to eight hexadecimal digits; the order of dictionary keys does not matter."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


@functools.cache
def fingerprint(*modules: str) -> str:
    """Hash the code of some modules and of all modules of recloop that they import, however indirectly.

    Comments, docstrings and layout do not count: editing them re-runs nothing. Code is read once per process.
    """
    found: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in found and (path := source_of(module)):
            found[module] = path.read_text(encoding="utf-8")
            waiting += imports(found[module])
    return digest({module: meaning(code) for module, code in found.items()})


def source_of(module: str) -> Path | None:
    """Find the file of a module of recloop or of a package of the user's own.

    Returns:
        None for anything else: a class, or an installed package, whose version belongs to the environment.
    """
    top, *rest = module.split(".")
    folder = ROOT if top == "recloop" else home_of(top)
    if folder is None:
        return None
    path = folder.joinpath(top, *rest)
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in candidates if file.exists()), None)


@functools.cache
def home_of(package: str) -> Path | None:
    """Find the folder of a package that is worked on: one that can be imported but lies among no installed ones."""
    try:
        found = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    if not found or not found.origin or found.origin in ("built-in", "frozen"):
        return None
    path = Path(found.origin)
    installed = sysconfig.get_paths().values()
    if any(path.is_relative_to(place) for place in installed):
        return None
    return path.parents[1] if path.name == "__init__.py" else path.parent


def module_in(room: str, name: str) -> str:
    """Name a module that settings mention: `supervised` is one of a room of ours, `mine.loop` of the user's own."""
    ours = f"recloop.{room}.{name}"
    return ours if source_of(ours) or "." not in name else name


@functools.cache
def imports(code: str) -> tuple[str, ...]:
    """List the modules that code imports, wherever in it the import stands."""
    names = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(names)


@functools.cache
def meaning(code: str) -> str:
    """Write the syntax tree of code without docstrings, hashed."""
    parsed = ast.parse(code)
    for node in ast.walk(parsed):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node, clean=False
        ):
            node.body = node.body[1:]
    return digest(ast.dump(parsed))
