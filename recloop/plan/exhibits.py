"""What the job of an exhibit draws on and what it is told: for the workflow, and for whoever draws it anew."""

from recloop.plan import DIALOGUES, Plan
from recloop.plan.artifacts import RECORDS, with_all_inputs

PAGES = ("page", DIALOGUES)  # files of other names than theirs


def evidence(plan: Plan, study: str, name: str) -> dict[str, list[str]]:
    """List the scores, records of trainings and splits behind an exhibit.

    Args:
        plan, study: where it belongs.
        name: a table, a figure, `dialogues`, `claims` or `page`.
    """
    exhibit, runs = plan.exhibit(study, name), plan.exhibit_sources(study, name)[0]
    return {
        "scores": exhibit.records,
        "runs": sorted(f"{plan.weights(run).path}/run.json" for run in plan.trainings(runs)),
        "splits": [plan.split(study, dataset).record for dataset in plan.worlds(study)],
    }


def steps(plan: Plan) -> dict[str, dict]:
    """Sum up the graph of all work, from raw files to pages, in the order in which it happens.

    Returns:
        by kind of artefact, how many there are (`count`) and of which other kinds they are made (`made_from`).
    """
    scores = [one for study in plan.studies for one in plan.exhibit_sources(study, "page")[1]]
    found: dict[str, dict] = {}
    for one in with_all_inputs(scores).values():
        step = found.setdefault(one.kind, {"count": 0, "made_from": set()})
        step["count"] += 1
        step["made_from"] |= {other.kind for other in one.inputs.values()} - {one.kind}
    order = [*RECORDS, *sorted(found.keys() - RECORDS.keys())]
    last = {"count": len(plan.studies), "made_from": {one.kind for one in scores}}
    ordered = {kind: found[kind] for kind in order if kind in found} | {"pages": last}
    return {
        kind: step | {"made_from": sorted(step["made_from"], key=order.index)}
        for kind, step in ordered.items()
    }


def job(plan: Plan, study: str, name: str) -> dict:
    """Return the keywords of what makes an exhibit: those of a function of recloop/report/build.py."""
    settings = {"study": plan.studies[study], "tier": plan.described_tier(study)}
    settings |= evidence(plan, study, name)
    if name in PAGES:
        told = {"studies": plan.all_told()} if name == DIALOGUES else {}
        return settings | {"output": f"results/{study}"} | told
    return settings | {"output": f"results/{study}/{name}", "reported": str(plan.reported(study))}
