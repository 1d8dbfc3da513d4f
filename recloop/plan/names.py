"""A model's name with values in braces, as one string in a study, spread into the runs it stands for.

`modt4r,alpha={0.0,0.5,1.0}` is three runs. A value that the model has anyway, from the study or from the tier, names no
new run: it is the plain model, which is trained once.
"""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from recloop.plan.resolved import resolved
from recloop.storage.settings import parse

BRACES = re.compile(r"\{(.*?)\}")
COMMAS = re.compile(r",(?![^{]*\})")  # outside braces
ELSEWHERE = " on "  # between a run and its data set


@dataclass(frozen=True)
class RunName:
    """A model's name with what differs from the study: `modt4r,alpha=0.5,return_loss={0.0,1.0}`.

    Attributes:
        key: of the study's model.
        overrides: keyword and value as text, in the order of the name; values in braces are a sweep.
    """

    key: str
    overrides: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> "RunName":
        """Read a name as it stands in a study or in a column of results."""
        key, *parts = COMMAS.split(text)
        pairs = (part.partition("=") for part in parts)
        return cls(key, tuple((name, value) for name, _, value in pairs))

    def __str__(self) -> str:
        return ",".join([self.key, *(f"{name}={value}" for name, value in self.overrides)])

    def keep(self, wanted: Callable[[str, str], bool]) -> "RunName":
        """Leave out the overrides that are not wanted."""
        return RunName(self.key, tuple(pair for pair in self.overrides if wanted(*pair)))

    @property
    def sweep(self) -> tuple[str, list[str]] | None:
        """The first keyword whose values stand in braces, with these; None where nothing is swept."""
        found = ((name, BRACES.fullmatch(value)) for name, value in self.overrides)
        return next(((name, braces[1].split(",")) for name, braces in found if braces), None)


def spread(model: str, defaults: Mapping[str, Any]) -> list[str]:
    """List the runs of a sweep in its own order: `m,a={0,1}` is `m` and `m,a=1` where a is 0 anyway."""
    name = RunName.parse(model)
    choices = [choices_of(value) for _, value in name.overrides]
    keys = [key for key, _ in name.overrides]
    runs = (
        RunName(name.key, tuple(zip(keys, values, strict=True)))
        for values in itertools.product(*choices)
    )
    return list(dict.fromkeys(plain(run, defaults) for run in runs))


def placed(needed: str, dataset: str) -> tuple[RunName, str]:
    """Read which run a model needs, and on which data set: `pretrained on source`, or the name alone on its own.

    Args:
        needed: as under `needs` of a model.
        dataset: of the run that needs it.
    """
    name, _, elsewhere = needed.partition(ELSEWHERE)
    return RunName.parse(name), elsewhere or dataset


def choices_of(value: str) -> list[str]:
    """List the values that one override stands for."""
    braces = BRACES.fullmatch(value)
    return [one.strip() for one in braces[1].split(",")] if braces else [value]


def thinned(content: Any, study: Mapping, number: int | None) -> Any:
    """Keep `number` values of every numeric sweep, however deep in the content: both ends, and evenly between.

    The value that the model has anyway takes the place of its neighbour between the ends: it is trained anyway.
    Sweeps over words (`placebo={none,zero_reward}`) stay whole: their values are no steps of one scale. Values that the
    tier leaves out on every data set do not count.

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
    name = RunName.parse(model)
    if not name.sweep or name.key not in study["models"]:
        return model
    key, values = name.sweep
    values = [value for value in values if asked_for(study, BRACES.sub(value, model))]
    if len(values) <= number or not all(map(is_number, values)):
        return model
    last = len(values) - 1
    kept = [round(step * last / (number - 1)) for step in range(number)]
    own = own_place(values, defaults(study, model, "").get(key))
    if own not in (None, *kept):
        kept[min(range(1, number - 1), key=lambda place: abs(kept[place] - own), default=0)] = own
    return BRACES.sub("{" + ",".join(values[place] for place in sorted(kept)) + "}", model)


def asked_for(study: Mapping, model: str) -> bool:
    """Check whether a tier does not leave a run out on every data set; all are asked for where there is no tier."""
    without = study.get("here", {}).get("left_out", {})
    return not without or any(matching(model, patterns) is None for patterns in without.values())


def matching(model: str, patterns: Iterable[str]) -> str | None:
    """Find the pattern by which a tier leaves out a run; None where there is none."""
    return next((one for one in patterns if fnmatchcase(model, one)), None)


def own_place(values: list[str], own: Any) -> int | None:
    """Find the value that a model has anyway among those of a sweep; None where it is none of them."""
    return next((at for at, value in enumerate(values) if parse(value, value) == own), None)


def is_number(text: str) -> bool:
    """Check whether YAML reads a text as a number."""
    return isinstance(parse(text, text), int | float)


def plain(run: RunName, defaults: Mapping[str, Any]) -> str:
    """Leave out the overrides that say what holds anyway."""
    return str(run.keep(lambda key, value: not says(defaults, key, value)))


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
    """Return the keyword whose values stand in braces; None where nothing is swept."""
    sweep = RunName.parse(model).sweep
    return sweep and sweep[0]


def points(model: str, defaults: Mapping[str, Any]) -> list[tuple[Any, str]]:
    """Pair every value of a sweep with its run: (0.5, "m,a=0.5"); without braces (None, model)."""
    key = swept(model)
    return [
        (value_of(name, key, defaults) if key else None, name) for name in spread(model, defaults)
    ]


def value_of(model: str, key: str, defaults: Mapping[str, Any]) -> Any:
    """Read the value of a keyword off a run's name, or off what holds anyway where the name does not say it."""
    overrides = dict(RunName.parse(model).overrides)
    return parse(overrides[key], model) if key in overrides else defaults[key]


def defaults(study: Mapping, model: str, dataset: str) -> dict[str, Any]:
    """Look up each keyword's value for a model and data set; settings of components are flattened.

    Args:
        study: what a tier changes of it may stand in it under `here`.
        model: its name, whose overrides do not count.
        dataset: of the study, or a control of the tier.
    """
    here = study.get("here", {})
    entries = study["datasets"] | here.get("controls", {})
    played = entries.get(dataset, {}).get("like", dataset)
    parts = resolved(study, here, RunName.parse(model).key, played)
    found = {}
    for part in ("training", "dialogue", "inference", "model"):
        found |= dict(flat(parts[part]))
    return found


def flat(settings: Mapping) -> Iterator[tuple[str, Any]]:
    """Walk over keywords and values, those of nested settings first (`discount` and `policy.discount`)."""
    nested = [key for key, value in settings.items() if isinstance(value, Mapping)]
    for key in nested:
        for inner, value in flat(settings[key]):
            yield inner, value
            yield f"{key}.{inner}", value
    yield from ((key, value) for key, value in settings.items() if key not in nested)


def wanted(study: Mapping, entry: Mapping) -> list[tuple[str, str]]:
    """List the (data set, run) pairs that a table, a figure or a claim draws on, each once.

    An entry has `models`, `datasets`, and perhaps `panels` (of a figure) or `checks` (of a claim), each of which may
    have its own. Models also stand under `simple`, `apart`, `than`, `against` and `baseline`.
    """
    parts = [entry, *entry.get("panels", []), *entry.get("checks", [])]
    pairs = [pair for part in parts for pair in of_part(study, entry, part)]
    return list(dict.fromkeys(pairs))


def of_part(study: Mapping, entry: Mapping, part: Mapping) -> Iterator[tuple[str, str]]:
    """List the (data set, run) pairs of one panel or one check."""
    models = named(part)
    datasets = part.get("datasets", entry.get("datasets", study["datasets"]))
    for dataset, model in itertools.product(datasets, models):
        plain = model == RunName.parse(model).key
        runs = [model] if plain else spread(model, defaults(study, model, dataset))
        yield from ((dataset, run) for run in runs)


def named(part: Mapping) -> list[str]:
    """List the models that one entry, panel or check names, braces unspread."""
    roles = ("models", "simple", "apart", "than", "against", "baseline")
    return [model for role in roles for model in as_list(part.get(role))]


def as_list(value: str | list[str] | None) -> list[str]:
    """Read one name or several as a list."""
    return [value] if isinstance(value, str) else list(value or [])
