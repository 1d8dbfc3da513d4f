"""What a result was made from, as short hashes: settings, and the code that a job imports."""

import ast
import atexit
import contextlib
import functools
import hashlib
import json
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

from recloop.storage.files import write_text

ROOT = Path(__file__).parents[2]
KNOWN = Path(".recloop/code.json")  # what code means, by its hash: parsing it takes seconds


def digest(*parts: object) -> str:
    """Hash JSON-like values to eight hexadecimal digits; the order of dictionary keys does not matter."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


@functools.cache
def fingerprint(*modules: str) -> str:
    """Hash the code of some modules and of all modules of recloop and of their own packages that they import.

    Comments, docstrings and layout do not count: editing them re-runs nothing. Code is read once per process.
    """
    found: dict[str, str] = {}
    packages = {"recloop", *(module.partition(".")[0] for module in modules)}
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module.partition(".")[0] not in packages or module in found:
            continue
        if path := source_of(module):
            found[module], imported = understood(path.read_text(encoding="utf-8"))
            waiting += imported
    return digest(found)


@functools.cache
def understood(code: str) -> tuple[str, tuple[str, ...]]:
    """Return the `meaning` of code and its `imports`, from a file where an earlier process has left them."""
    key = hashlib.sha256(f"{sys.version}\n{code}".encode()).hexdigest()
    if key not in known():
        tree = ast.parse(code)
        named = imports_of(tree)
        known()[key] = [meaning(tree), named]
    hashed, imported = known()[key]
    return hashed, tuple(imported)


@functools.cache
def known() -> dict[str, list]:
    """Read what earlier processes have understood, and keep it with what this one does when it ends."""
    try:
        found = json.loads(KNOWN.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = {}
    atexit.register(keep, found, len(found))
    return found


def keep(found: dict[str, list], before: int) -> None:
    """Write down what has been understood; a folder that cannot be written to forgets it."""
    if len(found) > before:
        with contextlib.suppress(OSError):
            write_text(KNOWN, json.dumps(found))


def source_of(module: str) -> Path | None:
    """Find the file of a module; None for anything else, such as a class."""
    package = module.partition(".")[0]
    home = ROOT if package == "recloop" else home_of(package)
    return file_of(home, module) if home else None


@functools.cache
def file_of(home: Path, module: str) -> Path | None:
    """Find the file of a module below the folder that holds its package."""
    path = home.joinpath(*module.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in candidates if file.exists()), None)


@functools.cache
def home_of(package: str) -> Path | None:
    """Find the folder that holds a user's own package; None for one that is installed, or missing."""
    spec = find_spec(package)
    places = [*(spec.submodule_search_locations or []), spec.origin] if spec else []
    home = next((Path(place).parent for place in places if place and Path(place).exists()), None)
    installed = {Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")}
    return home if home and not installed & {home, *home.parents} else None


@functools.cache
def imports(code: str) -> tuple[str, ...]:
    """List the modules that code imports, wherever in it the import stands."""
    return imports_of(ast.parse(code))


def imports_of(tree: ast.Module) -> tuple[str, ...]:
    """List the modules that parsed code imports."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(names)


def meaning(tree: ast.Module) -> str:
    """Take the docstrings out of parsed code, and hash what is left."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node, clean=False
        ):
            node.body = node.body[1:]
    return digest(ast.dump(tree))
