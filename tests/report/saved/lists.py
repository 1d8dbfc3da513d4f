"""Generated lists of those who are no plain recommenders: with more in a row, or with other rows."""

from pathlib import Path

import numpy as np
import polars as pl

from recloop.evaluation.costs import COLUMNS
from recloop.evaluation.feedback import MEASURES
from recloop.evaluation.filters import KINDS
from saved.draws import stream
from saved.sequences import Sequences


class Intents(Sequences):
    """Sessions whose moments are known, and lists of models that have intents."""

    def lists(self, dataset: str, model: str, seed: int) -> pl.DataFrame:
        """Add intents, one of four for every event, an hour after the other."""
        found = super().lists(dataset, model, seed)
        random, number = stream(dataset, model, seed, "intents"), len(found)
        planted = random.integers(0, 4, number)
        told = (np.eye(4)[planted] + 0.3 * random.normal(size=(number, 4))).astype(np.float32)
        vectors = pl.Series(told, dtype=pl.Array(pl.Float32, 4))
        return found.with_columns(
            time=pl.Series(3_600_000 * np.arange(number)),
            user=pl.format("u{}", "session"),
            alike=pl.Series(random.random(number) < 0.5),
            planted=pl.Series(planted),
            intent=vectors,
            posterior=vectors,
            elbo=pl.Series(-random.random(number)),
            kl=pl.Series(random.random(number)),
        )


class Contents(Sequences):
    """Sessions of items with words and pictures, the kind of each user, and what the training of a model took."""

    def lists(self, dataset: str, model: str, seed: int) -> pl.DataFrame:
        """Add kinds, and costs: the same in every row, and none for what only counts."""
        found = super().lists(dataset, model, seed)
        found = found.with_columns(
            kind=pl.Series([KINDS[session % len(KINDS)] for session in found["session"]])
        )
        if model in ("popularity", "item_knn"):
            return found
        spent = stream(dataset, model, seed, "costs").random(len(COLUMNS))
        told = zip(COLUMNS.values(), spent.tolist(), strict=True)
        return found.with_columns(pl.lit(1 + value).alias(name) for name, value in told)


class Feedback(Sequences):
    """Sessions, and what an environment that was asked about them knows."""

    def lists(self, dataset: str, model: str, seed: int) -> pl.DataFrame:
        """Add measures of what was asked, better where a run is good."""
        found = super().lists(dataset, model, seed)
        luck = stream(dataset, model, seed, "asked").random((len(MEASURES), len(found)))
        right = luck < 0.4 + self.all.quality(model)["hits"]
        told = zip(MEASURES, right, strict=True)
        return found.with_columns(pl.Series(name, one.astype(float)) for name, one in told)


class Generation(Sequences):
    """Users and what was said to them."""

    def lists(self, dataset: str, model: str, seed: int) -> pl.DataFrame:
        """Add words, how like the next item's they are, which attributes they name, and how long all took."""
        found = super().lists(dataset, model, seed)
        random, number = stream(dataset, model, seed, "words"), len(found)
        measures = {name: random.random(number) for name in ("bleu", "rouge", "bert")}
        named = {
            f"says_{name}": random.random(number) < 0.5 for name in ("recyclable", "restricted")
        }
        words = {
            "text": "a lamp of steel",
            "meant": "a lamp of glass",
            "user": "Ordered products: a tent.",
        }
        return found.with_columns(
            **{name: pl.Series(column) for name, column in (measures | named).items()},
            **{name: pl.lit(text) for name, text in words.items()},
            milliseconds=pl.lit(1.5),
        )


class Episodes(Sequences):
    """Users who are shown items until they leave, and the reward of each."""

    def lists(self, dataset: str, model: str, seed: int) -> pl.DataFrame:
        """Make two episodes of each user, longer and better rewarded where a run is good."""
        quality, random = self.all.quality(model)["hits"], stream(dataset, model, seed)
        luck = stream(dataset, "luck").random((self.sessions, 2))
        rows = [
            {"session": user, "episode": episode, "position": position, "item": position}
            for user in range(self.sessions)
            for episode in range(2)
            for position in range(1, 3 + int(10 * quality * luck[user, episode]))
        ]
        rewards = 1 + 4 * quality * random.random(len(rows))
        return pl.DataFrame(rows).with_columns(reward=pl.Series(rewards))


class Preferences(Sequences):
    """Pairs of answers with their rewards, and words with what was measured of them."""

    def write_data(self, folder: Path, dataset: str) -> dict:
        """Write words, and count pairs and prompts, or sentences."""
        found = super().write_data(folder, dataset)
        more = dict.fromkeys(("pairs", "prompts", "sentences"), self.sessions)
        more |= {"words": 9 * self.sessions}
        return found | {"counts": {part: one | more for part, one in found["counts"].items()}}

    def lists(self, dataset: str, model: str, seed: int) -> pl.DataFrame:
        """Make rewards that are right as often as a run is good, and measures that are as near."""
        wrong = 1 - self.all.quality(model)["hits"]
        luck = stream(dataset, "luck").random(self.sessions)
        random = stream(dataset, model, seed)
        gap = np.where(luck < wrong, -1.0, 1.0) * (0.1 + random.random(self.sessions))
        rows = {"session": range(self.sessions), "position": range(self.sessions)}
        if self.all.study["datasets"][dataset]["prepare"]["kind"] == "pairs":
            return pl.DataFrame(rows | {"chosen": gap, "rejected": 0 * gap, "longer": gap > 0.5})
        for name in ("nFix", "FFD", "GPT", "TRT", "fixProp"):
            rows |= {f"measured_{name}": 10 * luck, f"said_{name}": 10 * luck + wrong * gap}
        return pl.DataFrame(rows)


class Answers(Sequences):
    """Users of whom a language model says what they like and dislike."""

    def lists(self, dataset: str, model: str, seed: int) -> pl.DataFrame:
        """Name three genres of six on either side, more of them rightly where a run is good."""
        quality, random = self.all.quality(model)["hits"], stream(dataset, model, seed)
        true = stream(dataset, "tastes").random((self.sessions, 12)) < 0.4
        guessed = random.random(true.shape) < 0.4
        said = np.where(random.random(true.shape) < quality, true, guessed)
        labels = pl.Array(pl.Boolean, 12)
        columns = {
            name: pl.Series(one.tolist(), dtype=labels)
            for name, one in (("said", said), ("true", true))
        }
        return pl.DataFrame(
            {
                "session": np.arange(self.sessions),
                "position": np.ones(self.sessions, np.int32),
                "read": random.random(self.sessions) < 0.9,
                "tokens": np.full(self.sessions, 20 + len(model)),
                "flops": np.full(self.sessions, 1e9),
            }
        ).with_columns(**columns)
