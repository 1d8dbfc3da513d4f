"""Checks of all that config, tier and studies say, made before the first job; an error names the nearest valid name.

Schemas say what single files may hold. Here what one file says is compared with what others know: a tier with its
study, a recipe with its source, keywords with the constructor that takes them, an exhibit with the models.
"""

import fnmatch
import functools
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from recloop.plan.names import RunName
from recloop.plan.processes import check_divisible, check_processes
from recloop.plan.signatures import elsewhere, modules, signature
from recloop.plan.task import task_of
from recloop.plan.values import DEFAULT, stop_at_mappings
from recloop.plan.vocabulary import OF_RUNS, check_kind, check_metric
from recloop.storage.fingerprint import source_of
from recloop.storage.settings import (
    SettingsError,
    check,
    first_fault,
    load_schema,
    nearest,
    only_known,
)

NOT_OF_THE_NETWORK = {
    *("class", "network", "grid", "training", "label", "complete"),
    *("learnt_from", "published"),
}
MODELS = ("models", "simple", "apart", "than", "against", "baseline", "reference")


def check_plan(plan: "Plan") -> None:  # noqa: F821 the plan itself imports this module
    """Check everything that a plan will use.

    Raises:
        SettingsError: one sentence about the first mistake.
    """
    check_wanted(plan)
    for study, paper in plan.studies.items():
        check_exhibits(study, paper)
        for dataset in plan.worlds(study):
            where = f"tier {plan.config['tier']}, {study}: {dataset}"
            check_recipe(plan.recipe(study, dataset), plan.task(study).check_recipe, where)
            check_components(plan, study, dataset)
        for dataset, model in dict.fromkeys(
            (run.dataset, run.model) for run in plan.all_runs(study)
        ):
            settings = plan.settings(study, dataset, model)
            check_run(settings, paper, plan.here(study), f"{study}, {model} on {dataset}")


def check_wanted(plan: "Plan") -> None:  # noqa: F821
    """Stop where the tier has no data for a study, or for a data set that the config wants."""
    tier, mirror = plan.config["tier"], plan.config["mirror"]
    if mirror and not Path(mirror).is_dir():
        raise SettingsError(f"config.yaml: mirror: there is no folder {mirror}")
    for study, paper in plan.studies.items():
        check_tier(study, paper, plan.here(study), tier)
        if not plan.here(study).get("datasets"):
            raise SettingsError(
                f"tier {tier} has no data for the study '{study}'; give it some in "
                f"studies/{study}/tiers.yaml, or take the study out of config.yaml"
            )
    played = {name for study in plan.studies for name in plan.here(study)["datasets"]}
    for name in plan.config["datasets"] or []:
        if name not in played:
            raise SettingsError(
                f"config.yaml: datasets: the tier {tier} has nothing for '{name}'"
                f"{nearest(name, sorted(played))}"
            )


def check_components(plan: "Plan", study: str, dataset: str) -> None:  # noqa: F821
    """Check the encoders and simulated users that a data set needs."""
    for kind, names in plan.task(study).components(plan, study, dataset).items():
        for name in sorted(names):
            check_component(kind, plan.component(study, kind, name), f"{study}: {kind}.{name}")


# -- a tier against its study ------------------------------------------------------------------------------------------


def check_tier(study: str, paper: Mapping, here: Mapping, tier: str) -> None:
    """Stop where a tier names a data set, model, keyword, encoder or simulated user that the study does not have.

    Args:
        study: its name.
        paper: what the study says.
        here: what the tier says about the study.
        tier: its name, for errors.
    """
    where = f"tier {tier}, {study}"
    models = paper["models"]
    for kind in ("datasets", "absent"):
        only_known(f"{where}: {kind}", here.get(kind, {}), paper["datasets"])
    only_known(f"{where}: seeds", here.get("seeds", {}), [*paper["datasets"], DEFAULT])
    named = {name for kind in ("tables", "claims") for name in paper.get(kind, {})}
    only_known(f"{where}: says_nothing", here.get("says_nothing", {}), named)
    for name in here.get("absent", {}):
        if name in here.get("datasets", {}):
            raise SettingsError(f"{where}: '{name}' is absent and yet among the datasets")
    for name, control in here.get("controls", {}).items():
        only_known(f"{where}: controls.{name}.like", [control["like"]], paper["datasets"])
    for pattern in here.get("models", {}):
        if not fnmatch.filter(models, pattern):
            only_known(f"{where}: models", [pattern], models)
    keywords = {key for entry in models.values() for key in (*entry, *nested(entry))}
    only_known(f"{where}: every_model", here.get("every_model", {}), keywords)
    for loop in sorted(loops := loops_of(paper)):
        check_loop(loop, f"{where}: training")
    check_training_keys(here.get("training", {}), loops, f"{where}: training")
    only_known(f"{where}: dialogue", here.get("dialogue", {}), paper.get("dialogue", {}))
    for kind in ("features", "simulators"):
        changed = {k: v for k, v in here.get(kind, {}).items() if "class" not in v}
        only_known(f"{where}: {kind}", changed, paper.get(kind, {}))


def nested(entry: Mapping) -> set[str]:
    """List the keywords of the components of a model."""
    parts = [part for part in entry.values() if isinstance(part, Mapping) and "class" in part]
    return {key for part in parts for key in (*part, *nested(part))}


def loops_of(paper: Mapping) -> set[str]:
    """List the training loops of a study."""
    entries = [paper, *paper["models"].values()]
    return {entry["training"]["loop"] for entry in entries if "loop" in entry.get("training", {})}


def check_training_keys(training: Mapping, loops: Iterable[str], where: str) -> None:
    """Stop at a setting that none of a study's loops knows; a loop from elsewhere may know any."""
    known, loops = load_schema("training")["$defs"], [*loops]
    if all(loop in known for loop in loops):
        keys = {key for loop in loops for key in known[loop]["properties"]}
        check_divisible(training, "processes" in keys, where)
        only_known(where, training, keys)


# -- data --------------------------------------------------------------------------------------------------------------


def check_recipe(recipe: Mapping, check_settings: Callable, where: str) -> None:
    """Stop where `prepare` or `split` of a data set make no sense for what the study is about."""
    try:
        check_settings(recipe["prepare"], recipe["split"])
    except SettingsError as error:
        raise SettingsError(f"{where}: {error}") from None


def with_sizes(source: Mapping, sizes: Mapping | None, where: str) -> dict:
    """Change sizes of an embedded world.

    Raises:
        SettingsError: the source is no world, or a size is unknown or out of range.
    """
    if not sizes:
        return dict(source)
    if "sizes" not in source:
        raise SettingsError(f"{where}: sizes are given, but the source is no embedded world")
    only_known(f"{where}: sizes", sizes, source["sizes"])
    changed = {**source, "sizes": {**source["sizes"], **sizes}}
    check(changed, "source", where)
    return changed


# -- settings of a run -------------------------------------------------------------------------------------------------


def check_run(settings: Mapping, paper: Mapping, here: Mapping, where: str) -> None:
    """Stop where the resolved settings of a run are unknown to its loop, its constructor or its users, or out of range.

    Args:
        settings: `model`, `training`, `dialogue`, `inference` and `needs`, as resolved.
        paper: what the study says.
        here: what the tier says about the study.
        where: the run, for errors.
    """
    check_training(settings["training"], loops_of(paper), f"{where}: training")
    if tried := settings["training"].get("tried"):
        known = {*settings["model"], "learning_rate"}
        only_known(f"{where}: training.tried", [tried], known)
    for part in ("dialogue", "inference"):
        stop_at_mappings(settings[part], [], f"{where}: {part}")
    task = task_of(paper["task"])
    asked = settings["inference"] if task.ASKED_WITH_KEYWORDS else {}
    keywords = {**settings["model"], **asked}
    keywords.pop("judged_on", None)
    if task.FACTS is not None:
        check_keywords(keywords, task.FACTS, {*settings["needs"]}, "recloop.models", where)
    if settings["dialogue"]:
        check_dialogue(settings, paper, here, where)


def check_training(training: Mapping, loops: Iterable[str], where: str) -> None:
    """Stop at a setting of training that no loop of the study knows, or that is of another kind or out of range."""
    loop = training["loop"]
    schema = load_schema("training")["$defs"]
    if loop not in schema:
        return
    check_training_keys(training, [*loops, loop], where)
    stages = schema[loop]["properties"].get("stage", {}).get("enum", [])
    only_known(f"{where}.stage", [training["stage"]] if stages else [], stages)
    if training.get("stage") == "none":
        return  # nothing is trained
    check_processes(training, "processes" in schema[loop]["properties"], where)
    own = {key: value for key, value in training.items() if key in schema[loop]["properties"]}
    stop_at_mappings(own, [training.get("stage", ""), loop], where)
    check_shared(own, f"training#{loop}", where)
    if len(own.get("learning_rate", ())) > 1 and "tuning_epochs" not in own:
        raise SettingsError(f"{where}: several learning rates need tuning_epochs")
    if own.get("tried") and not {"tried_values", "tuning_epochs"} <= own.keys():
        raise SettingsError(f"{where}: tried={own['tried']!r} needs tried_values and tuning_epochs")


def check_loop(loop: str, where: str) -> None:
    """Stop at a loop that there is not; one from elsewhere knows itself what it takes."""
    known = [
        name for name in modules("recloop.training") if name in load_schema("training")["$defs"]
    ]
    if "." not in loop and not source_of(f"recloop.training.{loop}"):
        raise SettingsError(f"{where}: loop: no '{loop}'{nearest(loop, known)}")
    if "." in loop and not (source_of(loop) or elsewhere(loop)):
        raise SettingsError(f"{where}: loop: no module '{loop}'")


def check_shared(settings: Mapping, schema: str, where: str) -> None:
    """Check settings that many runs share, once for all of them."""
    if sentence := fault_of(json.dumps(settings, sort_keys=True), schema):
        raise SettingsError(f"{where}: {sentence}")


@functools.cache
def fault_of(text: str, schema: str) -> str | None:
    """Describe what a schema does not allow about settings, written as JSON; None if nothing."""
    return first_fault(json.loads(text), schema)


def check_keywords(
    settings: Mapping,
    facts: set[str],
    parts: set[str],
    room: str,
    where: str,
    around: Iterable[str] = (),
) -> None:
    """Stop at a keyword that a constructor does not take, or at one that it misses.

    Args:
        settings: `class` and keywords; components among them are checked likewise.
        facts: what the constructor is given beside them, which no study can set.
        parts: other models that it is made of, by role.
        room: package in which the class stands.
        where: the run, for errors.
        around: what surrounds a component may give it: the width of its inputs, and its own keywords.
    """
    found = signature(settings["class"], room, where)
    given = {key: value for key, value in settings.items() if key != "class"}
    name = settings["class"].rpartition(".")[2]
    if not found.open:
        only_known(f"{where}: {name}", given, sorted({*found.known} - facts))
    if lacking := sorted(found.required - facts - parts - given.keys() - {*around}):
        raise SettingsError(f"{where}: {name} lacks '{lacking[0]}'")
    for key, value in given.items():
        if isinstance(value, Mapping) and "class" in value:
            check_keywords(value, facts, parts, room, f"{where}: {key}", {"inputs", *found.known})


def check_dialogue(settings: Mapping, paper: Mapping, here: Mapping, where: str) -> None:
    """Stop where a dialogue names a simulated user or an encoder that is not there, or has impossible numbers."""
    dialogue = settings["dialogue"]
    check_shared(dialogue, "training#talk", f"{where}: dialogue")
    check_shared(settings["inference"], "training#asked", f"{where}: inference")
    only_known(f"{where}: dialogue", dialogue, paper["dialogue"])
    users = {**paper.get("simulators", {}), **here.get("simulators", {})}
    encoders = {**paper.get("features", {}), **here.get("features", {})}
    only_known(f"{where}: dialogue.user", [dialogue["user"]], users)
    only_known(f"{where}: dialogue.encoder", [dialogue["encoder"]], encoders)
    if other := settings["inference"].get("heard"):
        only_known(f"{where}: inference.heard", [other], users)


def check_component(kind: str, settings: Mapping, where: str) -> None:
    """Stop where an encoder or a simulated user has an unknown class or keyword, or trains impossibly."""
    signature(settings["class"], f"recloop.{kind}", where)
    captions = "captioner" if "network" in settings else "environment"
    part, schema = {"features": ("pretrain", "pretrain"), "simulators": ("training", captions)}[
        kind
    ]
    if part in settings:
        divisible = settings.get("learns") == "language_training"
        check_processes(settings[part], divisible, f"{where}: {part}")
        check(dict(settings[part]), f"training#{schema}", f"{where}: {part}")
    if network := settings.get("network"):
        keywords = {k: v for k, v in settings.items() if k not in NOT_OF_THE_NETWORK}
        check_keywords(
            {"class": network, **keywords},
            {"words", "features"},
            set(),
            "recloop.simulators",
            where,
        )


# -- exhibits and claims -----------------------------------------------------------------------------------------------


def check_exhibits(study: str, paper: Mapping) -> None:
    """Stop where a table, a figure or a claim names a data set, model, user or cut-off that is not there."""
    where = f"studies/{study}/exhibits.yaml"
    for name, entry in {**paper["tables"], **paper["figures"]}.items():
        check_kind(entry, f"{where}: {name}")
        for part in [entry, *entry.get("panels", [])]:
            check_part(part, paper, f"{where}: {name}")
            for metric in part.get("metrics", []) if entry["kind"] in OF_RUNS else ():
                check_metric(metric, f"{where}: {name}")
        only_known(
            f"{where}: {name}: simulators", entry.get("simulators", []), paper.get("simulators", {})
        )
    for name, claim in dict(paper["claims"]).items():
        only_known(
            f"studies/{study}/claims.yaml: {name}: printed_in",
            [claim["printed_in"]] if "printed_in" in claim else [],
            {**paper["tables"], **paper["figures"]},
        )
        for part in claim.get("checks", []):
            check_part(part, paper, f"studies/{study}/claims.yaml: {name}")
            for metric in [*part["metrics"], *part.get("against_metrics", [])]:
                check_metric(metric, f"studies/{study}/claims.yaml: {name}")


def check_part(part: Mapping, paper: Mapping, where: str) -> None:
    """Stop where one part of an exhibit, or one check of a claim, names something that is not there."""
    only_known(f"{where}: datasets", part.get("datasets", []), paper["datasets"])
    for role in MODELS:
        names = part.get(role, [])
        for model in [names] if isinstance(names, str) else names:
            key = RunName.parse(model).key
            if key not in paper["models"]:
                raise SettingsError(f"{where}: no model '{key}'{nearest(key, paper['models'])}")
    for metric in [*part.get("metrics", []), *part.get("against_metrics", [])]:
        check_cutoff(metric, paper["evaluation"], f"{where}: metrics")


def check_cutoff(metric: str, evaluation: Mapping, where: str) -> None:
    """Stop at a cut-off that is not computed, or at a turn after the last; 0 stands for measures of no cut-off."""
    _, at, k = metric.rpartition("@")
    if not at or not k.isdecimal():
        return
    if "cutoffs" in evaluation and int(k) not in {0, *evaluation["cutoffs"]}:  # 0: has none
        raise SettingsError(
            f"{where}: '{metric}': {k} is none of the cutoffs {evaluation['cutoffs']}"
        )
    if "turns" in evaluation and int(k) > evaluation["turns"]:
        raise SettingsError(f"{where}: '{metric}': there are {evaluation['turns']} turns")
