"""YAML files of settings, read strictly and checked against their schemas; errors name the nearest valid value."""

import copy
import difflib
import functools
import math
import re
from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.validators import extend

from recloop.storage.fingerprint import ROOT

SCHEMAS = ROOT / "workflow" / "schemas"
MERGE = "tag:yaml.org,2002:merge"
MAX_LENGTH = 60  # characters of a value in an error message
MAX_DEPTH = 100  # of brackets and dashes in one another; libyaml falls over some ten thousand
MAX_VALUES = 200_000  # of a document whose anchors are written out
CHAIN = re.compile(rf"(?:[-?] +){{{MAX_DEPTH}}}")


class SettingsError(ValueError):
    """A setting is unknown, mistyped or impossible."""


class StrictLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """YAML of plain values: a key stands once, dates are quoted, numbers are finite.

    PyYAML silently keeps the last of several equal keys and makes a date of `2012-06-01`, which no JSON holds.
    """

    def construct_document(self, node: yaml.Node) -> Any:
        """Build the values of a document whose keys are unique."""
        stop_at_duplicates(node, set())
        written_out(node, {})
        return super().construct_document(node)


def stop_at_duplicates(node: yaml.Node, seen: set[int]) -> None:
    """Raise at a key that stands twice in one mapping, before merges (`<<`) are resolved."""
    if id(node) in seen or isinstance(node, yaml.ScalarNode):
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for value in node.value:
            stop_at_duplicates(value, seen)
        return
    lines: dict[str, int] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise fault("a key has to be a word", key)
        if key.value in lines and key.tag != MERGE:
            raise fault(f"the key '{key.value}' stands in line {lines[key.value]} already", key)
        lines[key.value] = key.start_mark.line + 1
        stop_at_duplicates(value, seen)


def written_out(node: yaml.Node, known: dict[int, int]) -> int:
    """Count the values of a node with its anchors written out, as those who read settings meet them.

    Raises:
        ConstructorError: a node holds itself, or anchors of anchors make more of few lines than any study needs.
    """
    if isinstance(node, yaml.ScalarNode):
        return 1
    if known.get(id(node)) == 0:
        raise fault("an anchor stands inside what it names", node)
    if id(node) not in known:
        known[id(node)] = 0
        parts = node.value if isinstance(node, yaml.SequenceNode) else (v for _, v in node.value)
        known[id(node)] = 1 + sum(written_out(part, known) for part in parts)
    if known[id(node)] > MAX_VALUES:
        raise fault(f"anchors make more than {MAX_VALUES:,} values of it", node)
    return known[id(node)]


def stop_at_depth(text: str, where: str) -> None:
    """Refuse brackets in brackets that no study has and that the parser's stack would not survive."""
    turns = (1 if one in "[{" else -1 for one in re.findall(r"[\[\]{}]", text))
    if max(accumulate(turns), default=0) > MAX_DEPTH or CHAIN.search(text):
        raise SettingsError(f"{where} is nested more than {MAX_DEPTH} deep")


def fault(sentence: str, node: yaml.Node) -> yaml.constructor.ConstructorError:
    """Make an error of a sentence and the line of a node."""
    return yaml.constructor.ConstructorError(problem=sentence, problem_mark=node.start_mark)


def refuse_date(loader: StrictLoader, node: yaml.ScalarNode) -> None:
    """Ask for quotes round a date."""
    raise fault(f'{node.value} is a date to YAML; write "{node.value}" in quotes', node)


def construct_finite(loader: StrictLoader, node: yaml.ScalarNode) -> float:
    """Read a number; `.nan` and `.inf` are no settings."""
    value = loader.construct_yaml_float(node)
    if not math.isfinite(value):
        raise fault(f"{node.value} is not a finite number", node)
    return value


StrictLoader.add_constructor("tag:yaml.org,2002:timestamp", refuse_date)
StrictLoader.add_constructor("tag:yaml.org,2002:float", construct_finite)


def parse(text: str, where: str) -> Any:
    """Read YAML strictly.

    Args:
        text: a document.
        where: the file's name, for errors.

    Raises:
        SettingsError: names the line and what is wrong there.
    """
    stop_at_depth(text, where)
    try:
        return StrictLoader(text).get_single_data()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}:" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        wrong = isinstance(error, yaml.constructor.ConstructorError)
        raise SettingsError(f"{where}{'' if wrong else ' is not YAML'}:{line} {problem}") from None


def read_yaml(path: Path) -> Any:
    """Read a YAML file strictly.

    Raises:
        SettingsError: the file is missing (with the nearest there is), unreadable, or no strict YAML.
    """
    return parse(text_of(path), shown(path))


def text_of(path: Path) -> str:
    """Read a text file.

    Raises:
        SettingsError: the file is missing (with the nearest there is) or unreadable.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SettingsError(f"{shown(path)} does not exist{there_are(path)}") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{shown(path)}: byte {error.start} is not UTF-8") from None
    except OSError as error:
        raise SettingsError(f"{shown(path)}: {error.strerror.lower()}") from None


def there_are(path: Path) -> str:
    """List the files beside a missing one, the nearest first."""
    names = sorted(file.stem for file in path.parent.glob(f"*{path.suffix}"))
    close = difflib.get_close_matches(path.stem, names, n=1)
    return f"; did you mean '{close[0]}'?" if close else f"; there are: {', '.join(names)}"


def read_settings(path: Path, schema: str) -> dict:
    """Read a YAML file strictly and check it against a schema of workflow/schemas.

    Raises:
        SettingsError: says what was found, what was expected and the nearest valid name.
    """
    return copy.deepcopy(parse_settings(text_of(path), schema, shown(path)))


@functools.lru_cache(maxsize=256)
def parse_settings(text: str, schema: str, where: str) -> dict:
    """Parse and check the text of settings; the same text is worked through once, which is most of making a plan."""
    content = parse(text, where)
    if content is None:
        raise SettingsError(f"{where} is empty")
    check(content, schema, where)
    return content


def shown(path: Path) -> str:
    """Write a path as a reader of the project knows it: relative to the project where it lies in it."""
    path = Path(path)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def check(content: object, schema: str, where: str) -> None:
    """Stop at the first value that a schema of workflow/schemas does not allow.

    Args:
        schema: name of the file, and perhaps `#` and the name of one of its `$defs`.
        where: the file or place that the settings come from.
    """
    if sentence := first_fault(content, schema):
        raise SettingsError(f"{where}: {sentence}")


def first_fault(content: object, schema: str) -> str | None:
    """Describe the first value that a schema does not allow; None where all is right."""
    if (key := next(keys_that_are_no_words(content), None)) is not None:
        return f"the key {key!r} is no word to YAML; write it in quotes"
    error = next(validator(schema).iter_errors(content), None)
    return explain(best_match([error])) if error else None


def keys_that_are_no_words(content: object) -> Iterator[object]:
    """List keys that YAML does not take for text, such as 1 or `no`, wherever they stand."""
    if isinstance(content, dict):
        yield from (key for key in content if not isinstance(key, str))
    if isinstance(content, dict | list):
        for value in content.values() if isinstance(content, dict) else content:
            yield from keys_that_are_no_words(value)


def is_whole(_: object, value: object) -> bool:
    """Check whether a value is written as a whole number; 1.0, a seed in no file name, is not."""
    return isinstance(value, int) and not isinstance(value, bool)


Validator = extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", is_whole),
)


@functools.cache
def validator(schema: str) -> Validator:
    """Make a validator of a schema, or of one of its definitions."""
    name, _, part = schema.partition("#")
    content = load_schema(name)
    return Validator(content | {"$ref": f"#/$defs/{part}"} if part else content)


@functools.cache
def load_schema(name: str) -> dict:
    """Read a schema of workflow/schemas."""
    return read_yaml(SCHEMAS / f"{name}.schema.yaml")


def explain(error: ValidationError) -> str:
    """Explain a schema error in a sentence, with a remedy where there is one."""
    place, value = ".".join(map(str, error.absolute_path)) or "top level", error.instance
    if error.validator == "additionalProperties" and isinstance(value, dict):
        known = error.schema.get("properties", {})
        unknown = sorted(set(value) - set(known))[0]
        return f"{place}: unknown key '{unknown}'{nearest(unknown, known)}"
    if isinstance(value, str) and looks_like_number(value):
        plain = f"{float(value):.12f}".rstrip("0").rstrip(".")
        return f"{place}: '{value}' is text to YAML, not a number; write {plain}"
    if error.validator == "type" and isinstance(value, float) and value.is_integer():
        return f"{place}: {value} is no whole number; write {int(value)}"
    if error.validator in ("enum", "const"):
        known = error.validator_value if error.validator == "enum" else [error.validator_value]
        return f"{place}: {written(value)} is not allowed{nearest(str(value), map(written, known))}"
    return f"{place}: {in_words(error)}"


def in_words(error: ValidationError) -> str:
    """Describe what a value is and what it should be."""
    value, wanted = written(error.instance), error.validator_value
    known = {
        "minimum": lambda: f"is too small, expected {wanted} or more",
        "maximum": lambda: f"is too large, expected {wanted} or less",
        "exclusiveMinimum": lambda: f"is too small, expected more than {wanted}",
        "exclusiveMaximum": lambda: f"is too large, expected less than {wanted}",
        "minItems": lambda: f"has too few values, expected {wanted} or more",
        "maxItems": lambda: f"has too many values, expected {wanted} or less",
        "uniqueItems": lambda: "has a value twice",
        "minProperties": lambda: "is empty",
        "required": lambda: f"lacks '{missing(error)}'",
        "pattern": lambda: f"does not look as it should (pattern {wanted})",
        "not": lambda: "is not allowed",
        "oneOf": lambda: (
            " or ".join(dict.fromkeys(in_words(one) for one in error.context))
            or "has what excludes one another"
        ),
    }.get(error.validator)
    if known is None:
        return error.message
    return known() if error.validator in ("required", "oneOf") else f"{value} {known()}"


def missing(error: ValidationError) -> str:
    """Return the first required key that is not there."""
    return next(key for key in error.validator_value if key not in error.instance)


def written(value: object) -> str:
    """Write a value as YAML would, cut to a readable length."""
    plain = {None: "null", True: "true", False: "false"}
    if value is None or isinstance(value, bool):
        return plain[value]
    text = f"'{value}'" if isinstance(value, str) else str(value)
    return text if len(text) <= MAX_LENGTH else f"{text[:MAX_LENGTH]}…"


def looks_like_number(text: str) -> bool:
    """Check whether text is a number to a reader, though not to YAML: 1e-3."""
    return bool(re.fullmatch(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+", text))


def nearest(word: str, known: Iterable[str]) -> str:
    """Suggest the closest valid name, or list them all."""
    known = list(dict.fromkeys(str(name) for name in known))
    close = difflib.get_close_matches(
        str(word).strip("'"), [name.strip("'") for name in known], n=1
    )
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; allowed: {', '.join(known)}" if known else "; none is known"


def only_known(where: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Stop at the first name that is not among the known ones.

    Raises:
        SettingsError: with the nearest known name.
    """
    known = list(known)
    for name in given:
        if name not in known:
            raise SettingsError(f"{where}: unknown '{name}'{nearest(name, known)}")
