"""Settings whose value differs between data sets, stages or loops: `{rc15: 0.6, default: 0.5}`."""

from collections.abc import Iterable, Mapping
from typing import Any

from recloop.storage.settings import SettingsError

DEFAULT = "default"


def pick(value: Any, names: Iterable[str]) -> Any:
    """Take the value of a data set, a stage or a loop where one is given for each.

    Args:
        value: any setting; of a component (with `class`) every keyword is picked.
        names: what it may differ by. The first that is there counts, else `default`; what they give may differ by the
            next one again.
    """
    names = [*names]
    while isinstance(value, Mapping) and "class" not in value:
        key = next((name for name in (*names, DEFAULT) if name in value), None)
        if key is None:
            break
        value = value[key]
    if isinstance(value, Mapping) and "class" in value:
        return {key: pick(one, names) for key, one in value.items()}
    return value


def for_dataset(settings: Mapping, dataset: str) -> dict:
    """Pick a data set's value of every setting."""
    return {key: pick(value, [dataset]) for key, value in settings.items()}


def for_training(training: Mapping, dataset: str) -> dict:
    """Pick a data set's, a stage's or a loop's value of every setting: `epochs: {pretrain: 20, joint: 10}`."""
    own = for_dataset({key: training.get(key, "") for key in ("stage", "loop")}, dataset)
    return {key: pick(value, [dataset, *own.values()]) for key, value in training.items()}


def stop_at_missing(settings: Mapping, dataset: str, datasets: Iterable[str], where: str) -> None:
    """Stop where a setting has values for other data sets and none for this one.

    Raises:
        SettingsError: names those that have one.
    """
    datasets = {*datasets}
    for key, value in settings.items():
        if isinstance(value, Mapping) and "class" in value:
            stop_at_missing(value, dataset, datasets, where)
        elif isinstance(value, Mapping) and datasets & value.keys():
            raise no_value(key, value, [dataset], where)


def stop_at_mappings(settings: Mapping, names: Iterable[str], where: str) -> None:
    """Stop where a setting that has to be one value has several and none for this run."""
    for key, value in settings.items():
        if isinstance(value, Mapping) and "class" not in value:
            raise no_value(key, value, names, where)


def no_value(key: str, value: Mapping, names: Iterable[str], where: str) -> SettingsError:
    """Describe for whom a setting has values and for whom it has none."""
    given, wanted = ", ".join(map(str, value)) or "nobody", " or ".join(filter(None, names))
    return SettingsError(
        f"{where}: {key} has values for {given} and none for {wanted}; add one, or `default`"
    )
