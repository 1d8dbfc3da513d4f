"""What a result was made from, as short hashes: settings, and the code that a job imports."""

import ast
import functools
import hashlib
import json
from pathlib import Path

ROOT = Path(__file__).parent.parent


def digest(*parts: object) -> str:
    """Hash JSON-like values to eight hexadecimal digits; the order of dictionary keys does not matter."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def fingerprint(*modules: str) -> str:
    """Hash the code of some modules and of all recloop modules they import, however indirectly.

    Comments, docstrings and layout do not count: editing them re-runs nothing.
    """
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in found and (path := source_of(module)):
            found.add(module)
            waiting += imports(path)
    return digest({module: meaning(source_of(module)) for module in sorted(found)})


def source_of(module: str) -> Path | None:
    """Find the file of a recloop module; None for anything else (a class, another package)."""
    if module.split(".")[0] != "recloop":
        return None
    path = ROOT.joinpath(*module.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in candidates if file.exists()), None)


@functools.cache
def imports(path: Path) -> tuple[str, ...]:
    """List the modules that a file imports, wherever in it the import stands."""
    names = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(names)


@functools.cache
def meaning(path: Path) -> str:
    """Write a file's syntax tree without docstrings, hashed."""
    parsed = tree(path)
    for node in ast.walk(parsed):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node, clean=False
        ):
            node.body = node.body[1:]
    return digest(ast.dump(parsed))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))
