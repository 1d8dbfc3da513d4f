"""Users learn to word differences; what they will ever say is then drawn once and kept as a book."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import polars as pl
import torch
from jaxtyping import Float
from torch import Tensor

from recloop.data.attribute_codes import Codes, read_codes
from recloop.fitting.context import TrainingContext
from recloop.fitting.objective import Objective
from recloop.fitting.progress import Metric, run_facts
from recloop.fitting.schedule import Schedule
from recloop.fitting.trainer import Trainer
from recloop.language.wishes import ATTRIBUTES, Reader
from recloop.models import build
from recloop.models.offline.speaker import Speaker
from recloop.simulators.phrasebook import Book, differences, meant
from recloop.storage import checkpoint
from recloop.storage.files import replacing
from recloop.storage.moving import moved
from recloop.training.tokens import LENGTH, Lessons, lessons, vocabulary_of, words_and_end

TOKENS, WANTED = "book/tokens", "book/wanted"  # beside the weights
HELD_OUT = 0.1  # share of the sentences by which the epoch is chosen
TRUTH = Metric("valid_ndcg10", "likelihood")  # the one column of curves


def prepare(data: dict[str, Path], settings: dict, needs: dict[str, Path], device: str) -> dict:
    """Give the keywords of `train`.

    Args:
        data: `catalogue`.
        settings: `model` and `training`.
        needs: nothing.
        device: cpu or cuda.
    """
    codes = read_codes(data["catalogue"], ATTRIBUTES)
    return {"settings": settings["model"], "codes": codes}


def made(settings: dict, codes: Codes) -> Speaker:
    """Make a speaker of a catalogue's words."""
    words = len(vocabulary_of(codes))
    return build(settings, vocabulary=words, differences=2 * len(codes.pairs()))


def train(
    settings: dict, codes: Codes, training: dict, context: TrainingContext
) -> tuple[dict[str, Tensor], dict]:
    """Teach a speaker and let it write the book.

    Returns:
        Weights and book; facts for the record, with the share of wordings that say what they should.
    """
    torch.manual_seed(context.seed)
    model = made(settings, codes).to(context.device)
    asked = {name: training[name] for name in ("pairs", "templates", "refuses")}
    trainer = Trainer(
        Speaking(model, lessons(codes, seed=context.seed, **asked), training, context), context
    )
    weights = trainer.fit()
    model.load_state_dict(weights)
    book = written(model.eval(), codes, training, context)
    facts = run_facts(trainer.progress.curve, trainer.epoch, trainer.best_epoch)
    return weights | book, facts


class Speaking(Objective):
    """Sentences in shuffled batches; the epoch after which held-out ones are likeliest is kept.

    Args:
        model: the speaker.
        said: sentences with what they mean.
        training: of the loop.
        context: of the training.
    """

    metric = TRUTH

    def __init__(self, model: Speaker, said: Lessons, training: dict, context: TrainingContext):
        self.model, self.said, self.context = model, said, context
        self.schedule = Schedule.of(training, learning_rate=training["learning_rate"][0])
        order = torch.randperm(len(said.tokens), generator=context.generator(-1))
        cut = max(1, round(HELD_OUT * len(order)))
        self.held, self.rows = order[:cut], order[cut:]
        self.length = -(-len(self.rows) // self.schedule.batch_size)

    def batches(self, epoch: int, skip: int) -> Iterator[Tensor]:
        """List each sentence once, in an order of seed and epoch alone."""
        order = torch.randperm(len(self.rows), generator=self.context.generator(epoch))
        return iter(self.rows[order].split(self.schedule.batch_size)[skip:])

    def loss(self, batch: Tensor) -> Float[Tensor, ""]:
        """Compute -log p of a word."""
        tokens, lengths, meaning = (one[batch] for one in self.said)
        real = words_and_end(lengths, tokens.shape[1])
        given = (meaning, tokens, real)
        return self.model.loss(*(moved(one, self.context.device) for one in given))

    def evaluate(self) -> float:
        """Compute the likelihood of a word of held-out sentences: the geometric mean."""
        return float((-self.loss(self.held)).exp())


@torch.no_grad()
def written(
    model: Speaker, codes: Codes, training: dict, context: TrainingContext
) -> dict[str, Tensor]:
    """Let a speaker write every wording of every difference.

    Returns:
        Words, and whether each wording is a wish.
    """
    random, number = Random(context.seed), {pair: n for n, pair in enumerate(codes.pairs())}
    known, wordings = differences(codes), training["wordings"]
    meanings = [
        meant(one, codes, training["refuses"], random) for one in known for _ in range(wordings)
    ]
    labels = [number[name, value] + (not wanted) * len(number) for name, value, wanted in meanings]
    generator = torch.Generator().manual_seed(context.seed)
    tokens = model.write(torch.tensor(labels, device=context.device), LENGTH, generator)
    wanted = torch.tensor([wanted for *_, wanted in meanings])
    shape = (len(known), wordings)
    return {TOKENS: tokens.cpu().view(*shape, -1), WANTED: wanted.view(shape)}


def read_book(weights: Path, codes: Codes) -> Book:
    """Open the book of a speaker.

    Raises:
        ValueError: it was written about another catalogue.
    """
    tensors, _ = checkpoint.load(weights)
    tokens, wanted = tensors[TOKENS], tensors[WANTED]
    if len(tokens) != len(differences(codes)):
        raise ValueError(
            f"{weights} words {len(tokens)} differences, the catalogue has {len(differences(codes))}; "
            "train the speaker on this catalogue"
        )
    texts = vocabulary_of(codes).decode(tokens.flatten(0, 1).numpy())
    rows = [texts[n : n + wanted.shape[1]] for n in range(0, len(texts), wanted.shape[1])]
    return Book.of(codes, rows, wanted)


def rank(
    data: dict[str, Path],
    tensors: dict[str, Tensor],
    settings: dict,
    needs: dict[str, Path],
    output: Path,
    device: str = "cpu",
) -> None:
    """Read what was written, and write down whether it says what it should.

    Args:
        data, settings, needs, device: as for `prepare`.
        tensors: weights and book.
        output: parquet file, one row per wording: `session` (the difference), `position`, `right`.
    """
    codes = read_codes(data["catalogue"], ATTRIBUTES)
    reader, vocabulary = Reader(codes.pairs()), vocabulary_of(codes)
    rows = []
    for place, one in enumerate(differences(codes)):
        name, values = codes.names[one.attribute], codes.values[one.attribute]
        if one.shown == one.wanted:
            continue
        texts = vocabulary.decode(tensors[TOKENS][place].numpy())
        for position, (text, wanted) in enumerate(zip(texts, tensors[WANTED][place], strict=True)):
            value = values[one.wanted if wanted else one.shown]
            right = reader.read(text) == (name, value, bool(wanted))
            rows.append({"session": place, "position": position + 1, "right": float(right)})
    with replacing(output) as draft:
        pl.DataFrame(rows).write_parquet(draft)
