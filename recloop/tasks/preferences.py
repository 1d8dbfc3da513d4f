"""Which of two answers people like better, and how people read: pairs, measured sentences, and readers of both.

A data set's `prepare.kind` says what it is. Models need readers that were trained on readings, `{gaze: five on zuco}`;
`prepare.instead` of a control among the pairs names the readings that stand in the place of those.
"""

import functools

from recloop.data.pairs_settings import check_settings
from recloop.plan import Plan
from recloop.plan.artifacts import Artifact, raw, reader_of
from recloop.plan.language_models import language_model, published_texts
from recloop.plan.names import RunName
from recloop.plan.studies import Run, manifest, modules
from recloop.tasks.sequences import code, components, encoders, environment, pictures

__all__ = [
    "ASKED_WITH_KEYWORDS",
    "FACTS",
    "LANGUAGE",
    "METRICS",
    "check_recipe",
    "code",
    "components",
    "data",
    "encoders",
    "environment",
    "pictures",
    "split",
    "spoken",
]

METRICS = "recloop.evaluation.preferences"
LANGUAGE = True
FACTS = {"features", "counts"}
ASKED_WITH_KEYWORDS = False
GAZE = "gaze"  # the role of a reader among the needs of a model
LAYERS = {"pairs": "layers", "readings": "body_layers"}  # how many are used, by what a data set is
check_recipe = check_settings


@functools.cache
def split(plan: Plan, study: str, dataset: str) -> Artifact:
    """Declare the pairs, or the readings, in three parts."""
    recipe = plan.recipe(study, dataset)
    source, manifest = recipe["source"], recipe["manifest"]
    kind = recipe["prepare"].get("kind", "pairs")
    prepare = {key: value for key, value in recipe["prepare"].items() if key != "instead"}
    return Artifact(
        kind,
        f"data/{kind}/{source}",
        {"prepare": prepare, "split": recipe["split"], "seed": plan.tier["split_seed"]}
        | {"source": manifest},
        {"raw": raw(source, manifest)},
        (f"recloop.data.{kind}", reader_of(manifest)),
    )


def data(plan: Plan, run: Run) -> dict[str, Artifact]:
    """List the artifacts below data/ that a run works with: pairs or readings, a language model, what a reader says."""
    parts = split(plan, run.study, run.dataset)
    found = {parts.kind: parts} | language(plan, run)
    reader = plan.needs(run).get(GAZE)
    return found | ({GAZE: read(plan, parts, reader)} if reader else {})


def language(plan: Plan, run: Run) -> dict[str, Artifact]:
    """Declare the language model of a run, where it is one of ours."""
    settings = plan.settings(run.study, run.dataset, run.model)["model"].get("language", {})
    if "pretrain" not in settings:
        return {}
    source = settings["learnt_from"]
    texts = published_texts(source, manifest(source))
    return {"language": language_model(source, settings, plan.tier["split_seed"], texts)}


def spoken(plan: Plan, study: str) -> dict[str, dict]:
    """Describe for a report which language model stands in which models, and how many of its layers if not all."""
    parts: list[dict] = []
    names: list[dict[str, str]] = []  # of the models of each part, by their labels
    for run in plan.study_runs(study):
        settings = plan.settings(study, run.dataset, run.model)["model"]
        if "language" not in settings:
            continue
        own, kind = language(plan, run).get("language"), split(plan, study, run.dataset).kind
        layers = settings.get(LAYERS[kind])
        part = {
            "label": f": its first {layers} layers" if layers else "",
            "settings": settings["language"],
            "place": own.path if own else None,
            "learnt_from": manifest(settings["language"]["learnt_from"])["title"] if own else None,
        }
        if part not in parts:
            parts.append(part)
            names.append({})
        key = RunName.parse(run.model).key
        names[parts.index(part)][plan.studies[study]["models"][key]["label"]] = key
    return {
        next(iter(known.values())): part | {"label": ", ".join(known) + part["label"]}
        for part, known in zip(parts, names, strict=True)
    }


def read(plan: Plan, pairs: Artifact, reader: Run) -> Artifact:
    """Declare what a trained reader says of pairs."""
    mine = data(plan, reader)
    settings = plan.job_settings(reader)
    return Artifact(
        "gaze",
        f"data/gaze/{pairs.name}/{RunName.parse(reader.model).key}_{reader.seed}",
        {"settings": settings},
        {"pairs": pairs, "weights": plan.weights(reader)} | mine,
        ("recloop.training.gaze", *modules(settings)),
    )
