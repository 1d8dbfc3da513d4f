"""Items as tokens: one new token for each, condensed from what its text says.

Thesis, chapter 6, Item tokenization: the embedding of a new token is drawn at random where the model's own embeddings
lie and then learnt alone, by the likelihood of the words of the item's sentence behind it.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from recloop.fitting.context import TrainingContext
from recloop.fitting.objective import Objective
from recloop.fitting.schedule import Schedule
from recloop.fitting.trainer import Trainer
from recloop.language_models.constraint import OnlyItems
from recloop.language_models.model import LanguageModel

AT_ONCE = 64  # items that are learnt together; each has its own sentence, so that this changes speed alone
IGNORED = -100  # of cross_entropy


def word(item: int) -> str:
    """Write the token of an item, as it stands in prompts."""
    return f"<item_{item}>"


class ItemTokens:
    """The tokens of a catalogue's items in a language model, which they enlarge.

    Args:
        model: gets one new token per item; what it had stays as it was.
        items: how many.
        seed: of the rows.

    Raises:
        ValueError: the model has item tokens already.
    """

    @torch.no_grad()
    def __init__(self, model: LanguageModel, items: int, seed: int):
        known = len(model.tokenizer)
        added = model.tokenizer.add_tokens([word(item) for item in range(items)])
        if added != items:
            raise ValueError(
                f"expected a model without item tokens, {items - added} of {items} are there; open it anew"
            )
        self.model, self.first, self.items = model, known, items
        network = model.network
        rows = max(known + items, len(network.get_input_embeddings().weight))
        network.resize_token_embeddings(rows, mean_resizing=False)
        network.requires_grad_(False)
        # A head with a table of its own gets rows of its own kind (ours), for fine-tuning to change.
        for number, table in enumerate(self.tables()):
            drawn = near(table.weight[:known].float().cpu(), items, seed + number)
            table.weight[self.places] = drawn.to(table.weight)
        model.settle({f"table {number}": one.weight for number, one in enumerate(self.tables())})

    def tables(self) -> list[nn.Module]:
        """List the embedding table and, where it is not the same, the head's."""
        found = [
            self.model.network.get_input_embeddings(),
            self.model.network.get_output_embeddings(),
        ]
        tied = found[1] is None or found[0].weight is found[1].weight
        return found[:1] if tied else found

    @property
    def places(self) -> slice:
        """The rows of the embedding table that are items."""
        return slice(self.first, self.first + self.items)

    @property
    def table(self) -> Float[Tensor, "item dim"]:
        """The rows of the items."""
        return self.model.network.get_input_embeddings().weight[self.places]

    def constraint(self, length: int = 1) -> OnlyItems:
        """Allow exactly `length` item tokens."""
        places = range(self.first, self.first + self.items)
        return OnlyItems(places, length, self.model.end)

    def learn(
        self,
        sentences: list[str],
        context: TrainingContext,
        iterations: int = 300,
        learning_rate: float = 5e-3,
    ) -> Float[Tensor, "item dim"]:
        """Learn the rows of all items and write them into the model.

        Args:
            sentences: one per item, its own token in it.
            context: of the training; it goes on where a checkpoint was written.
            iterations: updates per item.  # thesis S6.4.5
            learning_rate: of Adam.  # thesis S6.4.5

        Raises:
            ValueError: a sentence without its item's token.
        """
        objective = Tokenization(self, sentences, iterations, learning_rate)
        weights = Trainer(objective, context, {"model": self.model.identity}).fit()
        rows = torch.cat([weights[str(part)] for part in range(len(objective.model))])
        rows = rows[objective.order.argsort()]
        with torch.no_grad():
            self.table.copy_(rows)
        self.model.settle({"items": rows})
        return rows


def near(table: Float[Tensor, "token dim"], rows: int, seed: int) -> Float[Tensor, "row dim"]:
    """Draw rows from a normal distribution with mean and spread of a table, coordinate by coordinate."""
    random = torch.Generator().manual_seed(seed)
    return table.mean(0) + table.std(0) * torch.randn(rows, table.shape[1], generator=random)


class Tokenization(Objective):
    """The likelihood of each item's sentence, as its own row changes; some items after the others.

    An epoch is the training of `AT_ONCE` items from beginning to end, a phase likewise, with an Adam of its own.

    Args:
        tokens: of the items.
        sentences: one per item.
        iterations: updates per item.
        learning_rate: of Adam.
    """

    def __init__(
        self, tokens: ItemTokens, sentences: list[str], iterations: int, learning_rate: float
    ):
        self.tokens, self.lm = tokens, tokens.model
        self.rows = self.lm.tokens(sentences)
        self.check(sentences)
        lengths = torch.tensor([len(row) for row in self.rows])
        self.order = lengths.argsort(stable=True)  # of like length together
        start = tokens.table.detach().float().cpu()
        parts = [start[part].clone() for part in self.order.split(AT_ONCE)]
        self.model = nn.ParameterList(parts).to(self.lm.device)
        self.length = iterations
        self.schedule = Schedule(learning_rate, AT_ONCE, epochs=len(parts))

    def check(self, sentences: list[str]) -> None:
        """See that there is a sentence for each item and its token in it, before something to be said."""
        if len(sentences) != self.tokens.items:
            raise ValueError(f"expected {self.tokens.items} sentences, got {len(sentences)}")
        for item, row in enumerate(self.rows):
            if self.tokens.first + item not in row[:-1]:
                raise ValueError(
                    f"item {item}: expected {word(item)} and words behind it in {sentences[item]!r}"
                )

    def batches(self, epoch: int, skip: int) -> Iterable[int]:
        """Give the number of the part, once for every update."""
        return [epoch] * (self.length - skip)

    def phase(self, update: int) -> int:
        """Return the number of the part; each has its own Adam."""
        return min(update // self.length, len(self.model) - 1)

    def optimisers(self, phase: int) -> dict[str, torch.optim.Optimizer]:
        """Make an Adam for the rows of one part."""
        return {"all": torch.optim.Adam([self.model[phase]], self.schedule.learning_rate)}

    def loss(self, batch: int) -> Float[Tensor, ""]:
        """Add up the cross-entropy per token of each item's sentence; sums, so that no item slows another down."""
        items = self.order.split(AT_ONCE)[batch]
        ids, mask = self.lm.padded([self.rows[item] for item in items.tolist()])
        own = ids == (self.tokens.first + items).to(ids.device).unsqueeze(1)
        table = self.lm.network.get_input_embeddings()
        given = self.model[batch].to(table.weight.dtype)
        embedded = torch.where(own.unsqueeze(2), given.unsqueeze(1), table(ids))
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        logits = self.lm.network(
            inputs_embeds=embedded, attention_mask=mask, position_ids=positions, use_cache=False
        ).logits
        behind = own.cumsum(1).bool() & ~own  # what the row has to explain
        targets = ids.masked_fill(~behind, IGNORED)[:, 1:]
        words = logits[:, :-1, : self.tokens.first]  # items are no words of a sentence
        losses = functional.cross_entropy(
            words.float().transpose(1, 2), targets, reduction="none", ignore_index=IGNORED
        )
        return (losses.sum(1) / (targets != IGNORED).sum(1)).sum()
