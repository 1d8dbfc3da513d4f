"""YAML files of settings, checked against their schemas; what is wrong is said with the nearest right."""

import difflib
import functools
import re
from collections.abc import Iterable
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from recloop.storage.fingerprint import ROOT

SCHEMAS = ROOT / "workflow" / "schemas"


class SettingsError(ValueError):
    """A setting is unknown, mistyped or impossible."""


def read_settings(path: Path, schema: str) -> dict:
    """Read a YAML file and check it against a schema of workflow/schemas.

    Raises:
        SettingsError: says what came, what was expected and the nearest valid name.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        names = ", ".join(sorted(file.stem for file in path.parent.glob("*.yaml")))
        raise SettingsError(f"{path} does not exist; there are: {names}") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} is not YAML: {error}") from None
    check(content, schema, str(path))
    return content


def check(content: object, schema: str, where: str) -> None:
    """Stop at the first value that a schema of workflow/schemas does not allow."""
    validator = Draft202012Validator(load_schema(schema))
    for error in validator.iter_errors(content):
        raise SettingsError(f"{where}: {explain(error)}")


@functools.cache
def load_schema(name: str) -> dict:
    return yaml.safe_load((SCHEMAS / f"{name}.schema.yaml").read_text(encoding="utf-8"))


def explain(error: ValidationError) -> str:
    """Say in a sentence what a schema error means, with a remedy where there is one."""
    place = ".".join(map(str, error.absolute_path)) or "top level"
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        unknown = sorted(set(error.instance) - set(known))[0]
        return f"{place}: unknown key '{unknown}'{nearest(unknown, known)}"
    if isinstance(error.instance, str) and looks_like_number(error.instance):
        plain = f"{float(error.instance):.12f}".rstrip("0").rstrip(".")
        return f"{place}: '{error.instance}' is text to YAML, not a number; write {plain}"
    if error.validator == "enum" and isinstance(error.instance, str):
        return f"{place}: '{error.instance}' is not allowed{nearest(error.instance, error.validator_value)}"
    return f"{place}: {error.message}"


def looks_like_number(text: str) -> bool:
    return bool(re.fullmatch(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+", text))


def nearest(word: str, known: Iterable[str]) -> str:
    """Suggest the closest valid name, or list them all."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{close[0]}'?" if close else f"; allowed: {', '.join(map(str, known))}"
