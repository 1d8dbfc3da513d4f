"""Rule `validate`: is a simulated user worth listening to? Judged on pairs that it never learned from.

Fluency and agreement with what was really said (BLEU, ROUGE-L, CIDEr), truth of what it claims, and what its words are
worth to a query that is not trained: ours, after the wish for such a measure in the simulators' descriptions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from recloop.evaluation.run import SCHEMA
from recloop.evaluation.text import bleu, cider, rouge_l
from recloop.fitting import processor
from recloop.language.claims import Attributes, Claim, Lexicon, differences
from recloop.language.vocabulary import words_of

Texts = Callable[[list[str]], Tensor]  # sentences to `sentence dim`
Row = dict[str, str | int | float]


def validate(
    dialogues: Path,
    catalogue: Path,
    simulator: Path | None,
    settings: dict,
    grid: Path | None,
    features: Path,
    encoder: dict,
    encoder_folder: Path | None,
    identity: dict,
    output: Path,
    device: str = "cpu",
    threads: int = 1,
) -> None:
    """Judge one simulator on the held-out captions of a data set.

    Args:
        dialogues: folder with captions.parquet, of which part test is used, and split.json.
        catalogue: folder with the items' attributes.
        simulator: folder of its weights; None where it learns nothing.
        settings: of the simulator, as in the study.
        grid: features of picture cells; None where it looks at no pictures.
        features: image features of the catalogue.
        encoder: settings of the encoder that made them; its texts are what dialogue models hear.
        encoder_folder: where it is saved; None takes the published one.
        identity: study, dataset, source, stand_in, tier, model (the simulator's name) and seed.
        output: parquet file of tidy results.
        device: cpu or cuda.
        threads: processor threads.
    """
    from recloop.data.attributes import read_attributes
    from recloop.features import open_encoder
    from recloop.features.cache import Features
    from recloop.simulators import open_simulator

    processor.use(threads)
    pairs = held_out(dialogues)
    user = open_simulator(settings, simulator, dialogues, catalogue, grid, device)
    utterances = user.critique(pairs["target"].to_numpy(), pairs["reference"].to_numpy())
    images = Features.open(features)
    rows = judge(
        utterances,
        pairs,
        read_attributes(catalogue),
        lambda items: images.tensor(items),
        open_encoder(encoder, encoder_folder, device).texts,
    )
    split = json.loads((dialogues / "split.json").read_text())["hash"]
    tidy = pl.DataFrame(rows).with_columns(
        pl.lit(value).alias(name) for name, value in (identity | {"split": split}).items()
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    tidy.select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items()).write_parquet(output)


def held_out(dialogues: Path) -> pl.DataFrame:
    """List every held-out pair once, with all its reference sentences in `captions`.

    Raises:
        ValueError: there are no captions in part test.
    """
    captions = pl.read_parquet(dialogues / "captions.parquet").filter(part="test")
    if captions.is_empty():
        raise ValueError(
            f"{dialogues / 'captions.parquet'}: no captions in part test, expected some to judge a simulator by; "
            "raise `captions: test` of this data set"
        )
    return captions.group_by("target", "reference", maintain_order=True).agg(
        pl.col("caption").alias("captions")
    )


def judge(
    utterances: Sequence[str],
    pairs: pl.DataFrame,
    attributes: Sequence[Attributes],
    images: Callable[[Int[np.ndarray, " item"]], Tensor],
    texts: Texts,
) -> list[Row]:
    """Compute every measure of validity.

    Args:
        utterances: what the simulator said about each pair.
        pairs: `target`, `reference` and `captions`, see `held_out`.
        attributes: of every catalogue item.
        images: gives image features `item dim` of items.
        texts: encodes sentences into the same space.

    Returns:
        Rows of metric, k and value; k is the length of n-grams for BLEU, else 0. A measure that cannot be taken, such
        as the accuracy of sentences that claim nothing, has no row.
    """
    captions = pairs["captions"].to_list()
    values = {
        "ROUGE-L": rouge_l(utterances, captions),
        "CIDEr": cider(utterances, captions),
        "empty": float(np.mean([not words_of(one) for one in utterances])),
        "duplicates": 1
        - len(set(utterances)) / len(utterances),  # share of sentences that repeat another
        "vocabulary": float(len({word for one in utterances for word in words_of(one)})),
        "attribute accuracy": accuracy(utterances, pairs, attributes),
        "attribute accuracy (true)": accuracy([group[0] for group in captions], pairs, attributes),
    }
    values |= informativeness(utterances, pairs, images, texts)
    rows = [
        {"metric": "BLEU", "k": n, "value": v} for n, v in enumerate(bleu(utterances, captions), 1)
    ]
    rows += [{"metric": name, "k": 0, "value": value} for name, value in values.items()]
    return [row for row in rows if not np.isnan(row["value"])]


def accuracy(
    utterances: Sequence[str], pairs: pl.DataFrame, attributes: Sequence[Attributes]
) -> float:
    """Compute the share of claims that are true of their target; NaN if nothing is claimed."""
    lexicon, right = Lexicon.of(attributes), []
    for sentence, target, reference in zip(
        utterances, pairs["target"].to_list(), pairs["reference"].to_list(), strict=True
    ):
        true = true_claims(attributes[target], attributes[reference])
        right += [holds(claim, true) for claim in lexicon.read(sentence)]
    return float(np.mean(right)) if right else float("nan")


def true_claims(target: Attributes, reference: Attributes) -> set[Claim]:
    """List what can be said of a target, whether or not it tells it from the reference."""
    return differences(target, reference) | differences(target, {})


def holds(claim: Claim, true: set[Claim]) -> bool:
    """Check whether a claim is true; a value is rightly denied where the target does not have it."""
    attribute, value = claim
    denied = value.removeprefix("not ")
    return claim in true or (denied != value and (attribute, denied) not in true)


def informativeness(
    utterances: Sequence[str],
    pairs: pl.DataFrame,
    images: Callable[[Int[np.ndarray, " item"]], Tensor],
    texts: Texts,
    weight: float = 1.0,  # ours
    seed: int = 0,
) -> dict[str, float]:
    """Measure how far words bring a frozen query to the target.

    The query is the reference's normalised image feature plus `weight` times the sentence's normalised text feature; it
    ranks all held-out items but the reference by cosine. The gain is the mean fall of the target's percentile rank (0
    first, 1 last) against the query without words: the same sentences given to other pairs show what is due to any
    words at all.
    """
    items, places = np.unique(pairs.select("target", "reference").to_numpy(), return_inverse=True)
    table = normalize(images(items).float(), dim=-1)
    target, reference = torch.from_numpy(places.reshape(-1, 2)).unbind(1)
    order = np.random.default_rng(seed).permutation(len(utterances))
    other = [
        utterances[place] for place in np.roll(order, 1)[np.argsort(order)]
    ]  # nobody keeps his own
    spoken = {
        "simulator": utterances,
        "true": [group[0] for group in pairs["captions"].to_list()],
        "shuffled": other,
    }
    before = percentile(table[reference], table, target, reference)
    found = {"percentile rank (none)": before.mean().item()}
    for name, sentences in spoken.items():
        query = table[reference] + weight * encode(sentences, texts)
        after = percentile(query, table, target, reference)
        found[f"informativeness ({name})"] = (before - after).mean().item()
    return found


def encode(sentences: Sequence[str], texts: Texts) -> Float[Tensor, "sentence dim"]:
    """Encode each different sentence once, to length 1."""
    different = sorted(set(sentences))
    rows = torch.cat(
        [texts(different[at : at + 512]).cpu() for at in range(0, len(different), 512)]
    )
    places = {sentence: place for place, sentence in enumerate(different)}
    return normalize(rows.float(), dim=-1)[[places[sentence] for sentence in sentences]]


def percentile(
    query: Float[Tensor, "pair dim"],
    table: Float[Tensor, "item dim"],
    target: Int[Tensor, " pair"],
    reference: Int[Tensor, " pair"],
) -> Float[Tensor, " pair"]:
    """Rank each target among all items but the reference: 0 first, 1 last, half for ties."""
    found = []
    for rows in torch.arange(len(query)).split(1024):
        scores = query[rows] @ table.T
        own = scores.gather(1, target[rows, None])
        scores.scatter_(1, reference[rows, None], -torch.inf)
        scores.scatter_(1, target[rows, None], own)  # where target and reference are one item
        better, tied = (scores > own).sum(1), (scores == own).sum(1) - 1
        found.append((better + tied / 2) / max(len(table) - 2, 1))
    return torch.cat(found)
