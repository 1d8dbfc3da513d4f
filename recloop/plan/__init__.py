"""What is to be made under one config: settings to artifacts, runs with their scores, exhibits."""

import functools
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from recloop.plan.artifacts import Artifact, with_all_inputs
from recloop.plan.names import RunName
from recloop.plan.resolved import PARTS
from recloop.plan.studies import Run, Studies, modules
from recloop.plan.task import task_of
from recloop.storage.fingerprint import ROOT

DIALOGUES = "dialogues"  # the page that shows them
SAID = ("title", "licence", "redistribute", "homepage")  # of raw data, on the front page
SHOWS_DIALOGUES = ("page.css", "dialogues.css", "elements.js", "dialogues.js")


class Plan(Studies):
    """Every folder and file of a config. What kinds of data a run needs depends on its study's task.

    Args:
        config: content of config.yaml, perhaps with changes from the command line.

    Raises:
        SettingsError: config, tier or a study says something impossible.
    """

    # -- tasks ----------------------------------------------------------------------------------------------------

    def task(self, study: str) -> ModuleType:
        """Find what a study is about: a module of recloop/tasks, or of a package of the user's own."""
        return task_of(self.studies[study]["task"])

    def data(self, run: Run) -> dict[str, str]:
        """List every folder below data/ that a run works with, by role."""
        return {role: one.path for role, one in self.task(run.study).data(self, run).items()}

    def split(self, study: str, dataset: str) -> Artifact:
        """Return the split that all runs on a data set share."""
        return self.task(study).split(self, study, dataset)

    @functools.cache  # noqa: B019 a plan lives as long as the process
    def validity(self, study: str, dataset: str, user: str) -> Artifact:
        """Declare the measures of how good a simulated user is."""
        return self.task(study).validity(self, study, dataset, user)

    def behind(self, run: Run) -> list[Run]:
        """List the runs whose weights made the data of a run: those that collected its log."""
        find = getattr(self.task(run.study), "behind", None)
        return find(self, run) if find else []

    # -- runs -----------------------------------------------------------------------------------------------------

    @functools.cache  # noqa: B019
    def all_runs(self, study: str) -> tuple[Run, ...]:
        """List all runs of a study with those whose weights they need, each once."""
        found: dict[Run, None] = {}
        waiting = [*reversed(self.study_runs(study))]
        while waiting:
            run = waiting.pop()
            if run in found:
                continue
            found[run] = None
            trained = self.trained(run)
            waiting += [trained, *self.needs(trained).values(), *self.behind(trained)]
            waiting += [judge] if (judge := self.judge(run)) else []
        return tuple(found)

    def job_settings(self, run: Run) -> dict:
        """Return the resolved settings of a run, with those of what it talks to."""
        settings = self.settings(run.study, run.dataset, run.model)
        environment = self.task(run.study).environment(self, run)
        return {part: settings[part] for part in PARTS} | environment

    def code(self, run: Run) -> tuple[str, ...]:
        """List the modules that train a run and ask it."""
        settings = self.settings(run.study, run.dataset, run.model)
        own = self.task(run.study).code(self, run)
        return ("recloop.training.run", *modules(settings), *own)

    @functools.cache  # noqa: B019
    def weights(self, run: Run) -> Artifact:
        """Declare the weights of a run."""
        needs = {f"need {role}": self.weights(one) for role, one in self.needs(run).items()}
        return Artifact(
            "weights",
            self.place("runs", run),
            {"settings": self.job_settings(run), "seed": run.seed},
            self.task(run.study).data(self, run) | needs,
            self.code(run),
            notes={"identity": self.identity(run)},
        )

    def trainings(self, runs: Iterable[Run]) -> list[Run]:
        """List the trainings behind some runs, with those that they start from or are made of."""
        found, left = {}, [self.trained(run) for run in runs]
        while left:
            run = left.pop()
            if run not in found:
                found[run] = True
                left += [*self.needs(run).values(), *self.behind(run)]
        return list(found)

    @functools.cache  # noqa: B019
    def lists(self, run: Run) -> Artifact:
        """Declare the ranks and lists of a run."""
        needs = {f"need {role}": self.weights(one) for role, one in self.needs(run).items()}
        weights = {"weights": self.weights(self.trained(run))}
        return Artifact(
            "lists",
            self.place("scores", run),
            {"settings": self.job_settings(run), "top_k": self.evaluation(run).get("top_k")},
            self.task(run.study).data(self, run) | needs | weights,
            self.code(run),
        )

    @functools.cache  # noqa: B019
    def scores(self, run: Run) -> Artifact:
        """Declare the metrics of a run; their code has a hash of its own, so that mending one ranks nothing anew."""
        judge = self.judge(run)
        return Artifact(
            "scores",
            f"{self.lists(run).path}/scores",
            {"evaluation": self.evaluation(run), "identity": self.identity(run)},
            {"lists": self.lists(run), "split": self.split(run.study, run.dataset)}
            | ({"vectors": self.weights(judge)} if judge else {}),
            (self.task(run.study).METRICS,),
            notes={"metrics": self.task(run.study).METRICS},
            suffix=".parquet",
        )

    def place(self, kind: str, run: Run) -> str:
        """Return the path of a run up to its key."""
        folder = self.folder(run.study, run.dataset)
        return f"results/{run.study}/{kind}/{folder}/{run.model}/{run.seed}"

    def evaluation(self, run: Run) -> dict:
        """Return the evaluation settings of a run."""
        return self.studies[run.study]["evaluation"]

    def judge(self, run: Run) -> Run | None:
        """Return the run whose item table measures how alike listed items are, one for all models."""
        name = self.evaluation(run).get("item_vectors")
        return Run(run.study, run.dataset, name, self.seeds[0]) if name else None

    def shared_data(self, studies: Iterable[str] | None = None) -> dict[str, Artifact]:
        """Collect what some studies, or all, are made from, by path: everything below data/."""
        wanted = set(self.studies if studies is None else studies)
        wanted_runs = [run for run in self.wanted_runs() if run.study in wanted]
        runs = [self.weights(self.trained(run)) for run in wanted_runs]
        asked = [self.lists(run) for run in wanted_runs]
        users = [self.validity(*user) for user in self.wanted_users() if user[0] in wanted]
        found = with_all_inputs([*runs, *asked, *users])
        return {path: one for path, one in found.items() if path.startswith("data/")}

    def raw_data(self) -> dict[str, Artifact]:
        """List the raw data that all studies begin with, by name."""
        raw = (one for one in self.shared_data().values() if one.kind == "raw")
        return {one.name: one for one in sorted(raw, key=lambda one: one.name)}

    def sources(self) -> dict[str, dict]:
        """Say of the raw data behind all studies whose they are, and where their sizes and hashes are on record."""
        return {
            name: {key: one.settings["source"][key] for key in SAID} | {"record": one.record}
            for name, one in self.raw_data().items()
        }

    def wanted_runs(self) -> list[Run]:
        """List the runs of all studies, with those whose weights they need."""
        return [run for study in self.studies for run in self.all_runs(study)]

    def wanted_users(self) -> list[tuple[str, str, str]]:
        """List the simulated users that are judged, as study, data set and name."""
        return [(study, *pair) for study in self.studies for pair in self.study_users(study)]

    # -- exhibits -------------------------------------------------------------------------------------------------

    def all_told(self) -> list[str]:
        """List the studies with a page of dialogues, each of which leads to the others."""
        return [study for study in self.studies if self.is_told(study)]

    def is_told(self, study: str) -> bool:
        """Check whether a study's lists are dialogues that a page can show turn by turn."""
        return getattr(self.task(study), "TOLD", False)

    def told(self, study: str) -> list[Run]:
        """List the runs whose dialogues are shown: models without overrides, those with a figure of their own too."""
        examples = [name for name, one in self.exhibits(study).items() if one["kind"] == "example"]
        drawn = {run for name in examples for run in self.exhibit_runs(study, name)}
        runs = [run for run in self.study_runs(study) if run.seed == self.seeds[0]]
        return [run for run in runs if run in drawn or not RunName.parse(run.model).overrides]

    def made(self, study: str) -> list[str]:
        """Name all that is made of a study: tables, figures, and what `pages` names."""
        return [*self.exhibits(study), *self.pages(study)]

    def pages(self, study: str) -> list[str]:
        """Name what is made over a study's exhibits: dialogues where it has some, claims and the page."""
        return [*([DIALOGUES] if self.is_told(study) else []), "claims", "page"]

    @functools.cache  # noqa: B019
    def exhibit_sources(self, study: str, name: str) -> tuple[list[Run], list[Artifact]]:
        """List the runs that a table or figure (or, by another name, the whole study) draws on, and the scores.

        Returns:
            the runs, and the metrics of these and of simulated users.
        """
        if name == DIALOGUES:
            return (runs := self.told(study)), [*map(self.scores, runs)]
        one = name in self.exhibits(study)
        runs = self.exhibit_runs(study, name) if one else self.study_runs(study)
        users = self.exhibit_users(study, name) if one else self.study_users(study)
        judged = [self.validity(study, *pair) for pair in users]
        return runs, [*map(self.scores, runs), *judged]

    @functools.cache  # noqa: B019
    def exhibit(self, study: str, name: str) -> Artifact:
        """Declare a table, a figure, the claims or the page; its key goes into the stamp beside it."""
        runs, scores = self.exhibit_sources(study, name)
        one = name in self.exhibits(study)
        beside = {
            "page": [ROOT / f"recloop/report/page.{end}" for end in ("css", "js")],
            DIALOGUES: [ROOT / f"recloop/report/{one}" for one in SHOWS_DIALOGUES],
            "claims": [self.folders[study] / "paper.yaml"],  # its comments are sources
        }
        settings = self.exhibit_settings(study, name, runs) if one else self.studies[study]
        told = {"told": self.all_told()} if name == DIALOGUES else {}
        return Artifact(
            "exhibits",
            f"results/{study}/{name}",
            {
                "settings": settings,
                "tier": self.described_tier(study),
                **told,
                "files": [
                    file.read_text(encoding="utf-8")
                    for file in (self.reported(study), *beside.get(name, []))
                ],
            },
            {score.path: score for score in scores},
            (self.exhibit_code(study, name),),
            keyed=False,
        )

    def exhibit_code(self, study: str, name: str) -> str:
        """Return the module that makes an exhibit: that of its kind, of the claims' ledger, or of the page."""
        if name not in self.exhibits(study):
            return f"recloop.report.{'ledger' if name == 'claims' else name}"
        kind = self.exhibits(study)[name]["kind"]
        return kind if "." in kind else f"recloop.report.exhibits.{kind}"

    @functools.cached_property
    def front(self) -> Artifact:
        """Declare the page over the pages of all studies."""
        parts = {
            f"{study} {name}": self.exhibit(study, name).key
            for study in self.studies
            for name in self.pages(study)
        }
        settings = {"parts": parts, "sources": self.sources()}
        code = ("recloop.report.front",)
        return Artifact("exhibits", "results/front", settings, code=code, keyed=False)

    def reported(self, study: str) -> Path:
        """Find the numbers that the paper prints."""
        return self.folders[study] / "reported.csv"

    @functools.cache  # noqa: B019
    def described_tier(self, study: str) -> dict:
        """Describe the tier to a reader: its name, seeds and which data stand in for which."""
        used = {}
        for dataset in self.worlds(study):
            recipe = self.recipe(study, dataset)
            used[dataset] = {"source": recipe["source"], "stand_in": self.stand_in(study, dataset)}
            used[dataset] |= {"title": recipe["manifest"]["title"]}
            used[dataset] |= self.described_data(study, dataset)
            used[dataset] |= {"own": True} if "defaults" in recipe["manifest"] else {}
        return {
            "tier": self.config["tier"],
            "says": self.here(study).get("says", self.tier["says"]),
            "seeds": self.seeds,
            "figure_seeds": self.figure_seeds,
            "datasets": used,
            "absent": self.here(study).get("absent", {}),
            "left_out": self.here(study).get("left_out", {}),
            "says_nothing": self.here(study).get("says_nothing", {}),
            "sweep_points": self.here(study).get("sweep_points"),
            "encoders": self.task(study).encoders(self, study),
            "language_models": getattr(self.task(study), "spoken", no_models)(self, study),
        }

    def described_data(self, study: str, dataset: str) -> dict:
        """List the folders of a data set that a report reads, by role."""
        shown = self.task(study).pictures(self, study, dataset)
        found = {"split": self.split(study, dataset).path}
        return found | ({"pictures": shown.path} if shown else {})


def no_models(plan: Plan, study: str) -> dict[str, dict]:
    """Describe the language models of a study whose task has none."""
    return {}
