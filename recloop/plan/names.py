"""A model's name with values in braces, as one string in a study, spread into the runs it stands for.

`modt4r,alpha={0.0,0.5,1.0}` is three runs. A value that the study gives the model anyway names no new run: it is the
plain model, which is trained once.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from recloop.plan.values import pick
from recloop.storage.settings import parse

BRACES = re.compile(r"\{(.*?)\}")


def spread(model: str, defaults: Mapping[str, Any]) -> list[str]:
    """List the runs of a sweep in its own order: `m,a={0,1}` is `m` and `m,a=1` where the study says a: 0."""
    choices = [found.split(",") for found in BRACES.findall(model)]
    holes = BRACES.sub("{}", model)
    names = (
        holes.format(*(value.strip() for value in values)) for values in itertools.product(*choices)
    )
    return list(dict.fromkeys(plain(name, defaults) for name in names))


def thinned(content: Any, study: Mapping, number: int | None) -> Any:
    """Keep `number` values of every numeric sweep, however deep in the content: both ends, and evenly between.

    The study's own value of the keyword takes the place of its neighbour between the ends: it is trained anyway.
    Sweeps over words (`placebo={none,zero_reward}`) stay whole: their values are no steps of one scale.

    Args:
        content: a study's exhibits or claims.
        study: with `models` and their settings.
        number: at least 2; None keeps all.
    """
    if number is None:
        return content
    if isinstance(content, Mapping):
        return {key: thinned(value, study, number) for key, value in content.items()}
    if isinstance(content, list):
        return [thinned(value, study, number) for value in content]
    return thinned_sweep(content, study, number) if isinstance(content, str) else content


def thinned_sweep(model: str, study: Mapping, number: int) -> str:
    """Write a sweep with fewer values; anything but the name of a model with a sweep is given back."""
    key, braces = swept(model), BRACES.search(model)
    if not key or model.split(",")[0] not in study["models"]:
        return model
    values = braces[1].split(",")
    if len(values) <= number or not all(map(is_number, values)):
        return model
    last = len(values) - 1
    kept = [round(step * last / (number - 1)) for step in range(number)]
    own = own_place(values, defaults(study, model, "").get(key))
    if own not in (None, *kept):
        kept[min(range(1, number - 1), key=lambda place: abs(kept[place] - own), default=0)] = own
    return BRACES.sub("{" + ",".join(values[place] for place in sorted(kept)) + "}", model)


def own_place(values: list[str], own: Any) -> int | None:
    """Find the study's own value among those of a sweep; None where it is none of them."""
    return next((at for at, value in enumerate(values) if parse(value, value) == own), None)


def is_number(text: str) -> bool:
    """Check whether YAML reads a text as a number."""
    return isinstance(parse(text, text), int | float)


def plain(model: str, defaults: Mapping[str, Any]) -> str:
    """Leave out the overrides that say what the study says anyway."""
    name, *overrides = model.split(",")
    pairs = [override.partition("=")[::2] for override in overrides]
    kept = [f"{key}={value}" for key, value in pairs if not says(defaults, key, value)]
    return ",".join([name, *kept])


def says(defaults: Mapping[str, Any], key: str, value: str) -> bool:
    """Check whether `value`, read as YAML, is the default; 1 and 1.0 agree, 1 and true do not."""
    given = parse(value, value)
    default = defaults.get(key)
    return (
        key in defaults
        and given == default
        and isinstance(given, bool) == isinstance(default, bool)
    )


def swept(model: str) -> str | None:
    """Name the keyword whose values stand in braces; None where nothing is swept."""
    found = re.search(r"([\w.]+)=\{", model)
    return found and found[1]


def points(model: str, defaults: Mapping[str, Any]) -> list[tuple[Any, str]]:
    """Pair every value of a sweep with its run: (0.5, "m,a=0.5"); without braces (None, model)."""
    key = swept(model)
    return [
        (value_of(name, key, defaults) if key else None, name) for name in spread(model, defaults)
    ]


def value_of(model: str, key: str, defaults: Mapping[str, Any]) -> Any:
    """Read the value of a keyword off a run's name, or off the study where the name does not say it."""
    overrides = dict(override.partition("=")[::2] for override in model.split(",")[1:])
    return parse(overrides[key], model) if key in overrides else defaults[key]


def defaults(study: Mapping, model: str, dataset: str) -> dict[str, Any]:
    """Say which value every keyword of a model has on a data set; nested settings (`inference:`) are on one level."""
    found = {}
    parts = [study.get(part, {}) for part in ("training", "dialogue", "inference")]
    for settings in [*parts, study["models"][model.split(",")[0]]]:
        found |= dict(flat(settings, dataset))
    return found


def flat(settings: Mapping, dataset: str) -> Iterator[tuple[str, Any]]:
    """Walk over keywords and values, those of nested settings first (`discount` and `policy.discount`).

    A value per data set (`{rc15: 0.6, default: 0.5}`) becomes this data set's.
    """
    picked = {key: pick(value, [dataset]) for key, value in settings.items()}
    nested = [key for key, value in picked.items() if isinstance(value, Mapping)]
    for key in nested:
        for inner, value in flat(picked[key], dataset) if key != "needs" else ():
            yield inner, value
            yield f"{key}.{inner}", value
    yield from ((key, value) for key, value in picked.items() if key not in nested)


def wanted(study: Mapping, entry: Mapping) -> list[tuple[str, str]]:
    """List the (data set, run) pairs that a table, a figure or a claim draws on, each once.

    An entry has `models`, `datasets`, and perhaps `panels` (of a figure) or `checks` (of a claim), each of which may
    have its own. Models also stand under `simple`, `than`, `against` and `baseline`.
    """
    parts = [entry, *entry.get("panels", []), *entry.get("checks", [])]
    pairs = [pair for part in parts for pair in of_part(study, entry, part)]
    return list(dict.fromkeys(pairs))


def of_part(study: Mapping, entry: Mapping, part: Mapping) -> Iterator[tuple[str, str]]:
    """List the (data set, run) pairs of one panel or one check."""
    models = named(part)
    datasets = part.get("datasets", entry.get("datasets", study["datasets"]))
    for dataset, model in itertools.product(datasets, models):
        yield from ((dataset, run) for run in spread(model, defaults(study, model, dataset)))


def named(part: Mapping) -> list[str]:
    """List the models that one entry, panel or check names, braces unspread."""
    roles = ("models", "simple", "than", "against", "baseline")
    return [model for role in roles for model in as_list(part.get(role))]


def as_list(value: str | list[str] | None) -> list[str]:
    """Read one name or several as a list."""
    return [value] if isinstance(value, str) else list(value or [])
