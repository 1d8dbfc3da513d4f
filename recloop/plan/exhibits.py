"""What the job of an exhibit draws on and what it is told: for the workflow, and for whoever draws it anew."""

from recloop.plan import DIALOGUES, Plan

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


def job(plan: Plan, study: str, name: str) -> dict:
    """Return the keywords of what makes an exhibit: those of a function of recloop/report/build.py."""
    settings = {"study": plan.studies[study], "tier": plan.described_tier(study)}
    settings |= evidence(plan, study, name)
    if name in PAGES:
        told = {"studies": plan.all_told()} if name == DIALOGUES else {}
        return settings | {"output": f"results/{study}"} | told
    return settings | {"output": f"results/{study}/{name}", "reported": str(plan.reported(study))}
