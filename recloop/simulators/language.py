"""A language model as environment (LE): states, rewards and positive actions for a recommender (thesis, chapter 6).

One frozen model with a token for each item; adapters and a linear score head are what learnt (`language_training`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.language_models import adapters
from recloop.language_models.batching import by_length
from recloop.language_models.files import ModelError
from recloop.language_models.item_tokens import described, put, with_items
from recloop.language_models.items import ItemTokens
from recloop.language_models.model import BUDGET, LanguageModel
from recloop.language_models.wording import Wording
from recloop.simulators.previews import Cost
from recloop.simulators.saving import WEIGHTS
from recloop.storage import checkpoint

SAID = ("tokens", "titles")
CHOOSES = ("number", "reward")
DEALT = 5  # seed by which tokens are dealt to other items: the same for all runs


class LanguageEnvironment:
    """Answers about histories of items: a state for each, a reward for an action, one of some actions.

    Args:
        model: causal and frozen but for its adapters.
        tokens: of the items, in the model.
        wording: how items are said.
        prompts: templates `user` (with {history}), `action` (with {item}) and `selection` (with {list}).
        labels: what the model can answer to a selection, one for each place of a list.
        budget: tokens of a batch.
    """

    def __init__(
        self,
        model: LanguageModel,
        tokens: ItemTokens,
        wording: Wording,
        prompts: Mapping[str, str],
        labels: list[str],
        budget: int = BUDGET,
    ):
        self.model, self.tokens, self.wording, self.budget = model, tokens, wording, budget
        self.reward_prompt = f"{prompts['user']} {prompts['action']}"
        self.selection_prompt = f"{prompts['user']} {prompts['selection']}"
        self.labels = labels
        self.head = nn.Linear(model.dim, 1).to(model.device)

    @classmethod
    def open(
        cls,
        settings: Mapping[str, Any],
        folder: Path | None,
        data: Mapping[str, Path],
        device: torch.device | str = "cpu",
        seed: int = 0,
    ) -> LanguageEnvironment:
        """Open the model with its items and, where it has learnt, its adapters and score head.

        Args:
            settings: of the environment as the study resolves it; with `recompute` activations are computed anew on the
                way back, for less memory.
            folder: what `language_training.train` wrote; None before that.
            data: `sessions`, `item_tokens` and, for a model of ours, `language_model`.
            device: cpu or cuda.
            seed: of adapters and head before they have learnt.

        Raises:
            ValueError: items are said in a way that there is not.
        """
        model, tokens = with_items(
            settings["language_model"], data["item_tokens"], data.get("language_model"), device
        )
        if settings["dealt"]:  # a placebo: every item has the token of another one
            chance = torch.Generator().manual_seed(DEALT)
            put(tokens, tokens.table[torch.randperm(tokens.items, generator=chance)].clone())
        wording = Wording(model, *said(settings, tokens, data["sessions"]))
        torch.manual_seed(seed)
        adapters.adapt(model, **settings["adapters"])
        if settings["recompute"]:
            adapters.checkpoint_gradients(model)
        model.network.eval()
        labels = settings["prompts"]["labels"]
        opened = cls(model, tokens, wording, settings["prompts"], labels)
        if folder is not None:
            opened.load(checkpoint.load(folder / WEIGHTS)[0])
        return opened

    def parts(self) -> nn.ModuleDict:
        """Return all that has weights."""
        return nn.ModuleDict({"language": self.model.network, "head": self.head})

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Put back what has learnt; the rest is the model's own."""
        absent = self.parts().load_state_dict(tensors, strict=False)
        if absent.unexpected_keys:
            raise ModelError(f"adapters: no layer for {absent.unexpected_keys[0]} in this model")
        adapters.settle(self.model)

    @property
    def vectors(self) -> Float[Tensor, "item dim"]:
        """The items in the space of states: the rows of the embedding table."""
        return self.tokens.table.float()

    # -- one batch, with gradients where they are on ----------------------------------------------------------------

    def last(self, rows: list[list[int]], keep: int = 1) -> Any:
        """Run the model on some prompts, ends aligned; logits are kept of the last tokens alone."""
        ids, mask = self.model.padded(rows)
        return self.model.forward(ids, mask, output_hidden_states=True, logits_to_keep=keep)

    def state(self, histories: list[list[int]]) -> Float[Tensor, "history dim"]:
        """Return s'_t of each history, the last hidden state (Eq. 6.3)."""
        rows = [self.wording.begin + self.wording.listed(one) for one in histories]
        return self.last(rows).hidden_states[-1][:, -1].float()

    def reward(self, histories: list[list[int]], actions: list[int]) -> Float[Tensor, " history"]:
        """Return r(p_t, p_a) of an action for each history (Eq. 6.5)."""
        return self.head(
            self.last(self.asked(histories, actions)).hidden_states[-1][:, -1].float()
        )[:, 0]

    def asked(self, histories: list[list[int]], actions: list[int]) -> list[list[int]]:
        """Write the reward prompt of each pair."""
        pairs = zip(histories, actions, strict=True)
        return [
            self.wording.fill(self.reward_prompt, history=history, item=[action])
            for history, action in pairs
        ]

    # -- many of them -------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def states(
        self, session: Int[Tensor, "batch time"], padding: int
    ) -> Float[Tensor, "batch time dim"]:
        """Return the states after each item of right padded sessions, zeros at padding; one pass for a session."""
        items = [[item for item in row if item != padding] for row in session.tolist()]
        said = [self.wording.ends(row) for row in items]
        rows = [self.wording.begin + ids for ids, _ in said]
        found = torch.zeros(*session.shape, self.model.dim)
        for batch in by_length([len(row) for row in rows], self.budget):
            some = [place for place in batch if items[place]]
            if not some:
                continue
            hidden = self.last([rows[place] for place in some]).hidden_states[-1].float().cpu()
            for place, states in zip(some, hidden, strict=True):
                ids, ends = said[place]
                at = torch.tensor(ends) + states.shape[0] - len(ids)
                found[place, : len(ends)] = states[at]
        return found

    @torch.no_grad()
    def rewards(
        self, histories: list[list[int]], actions: Int[Tensor, "history action"]
    ) -> Float[Tensor, "history action"]:
        """Return the reward of each action for its history."""
        width = actions.shape[1]
        repeated = [history for history in histories for _ in range(width)]
        rows = self.asked(repeated, actions.flatten().tolist())
        found = torch.empty(len(rows))
        for batch in by_length([len(row) for row in rows], self.budget):
            hidden = self.last([rows[place] for place in batch]).hidden_states[-1][:, -1]
            found[batch] = self.head(hidden.float())[:, 0].cpu()
        return found.view(-1, width)

    @torch.no_grad()
    def choose(
        self, histories: list[list[int]], lists: Int[Tensor, "history k"], by: str = "number"
    ) -> Int[Tensor, " history"]:
        """Choose an item of each list: the one whose number is the likeliest answer, or (ours) of the highest reward.

        Raises:
            ValueError: another way to choose, or lists longer than there are labels.
        """
        if by not in CHOOSES:
            raise ValueError(f"chooses={by!r}: expected one of {', '.join(CHOOSES)}")
        scores = self.numbers if by == "number" else self.rewards
        return lists.gather(1, scores(histories, lists).argmax(1)[:, None])[:, 0]

    def numbers(
        self, histories: list[list[int]], lists: Int[Tensor, "history k"]
    ) -> Float[Tensor, "history k"]:
        """Return the score of each place's label as the next token behind the selection prompt."""
        rows, labels = self.selections(histories, lists)
        found = torch.empty(len(rows), len(labels))
        for batch in by_length([len(row) for row in rows], self.budget):
            logits = self.last([rows[place] for place in batch]).logits[:, -1]
            found[batch] = logits[:, labels].float().cpu()
        return found

    def selections(
        self, histories: list[list[int]], lists: Int[Tensor, "history k"]
    ) -> tuple[list[list[int]], list[int]]:
        """Write the selection prompt of each list, and give the tokens by which its answers differ."""
        head, labels = self.label_tokens(lists.shape[1])
        rows = [
            self.wording.fill(self.selection_prompt, history=history, list=listed) + head
            for history, listed in zip(histories, lists.tolist(), strict=True)
        ]
        return rows, labels

    # -- what it takes ------------------------------------------------------------------------------------------------

    def cost_of_answers(
        self, windows: list[list[int]], histories: list[list[int]], actions: list[int], each: int
    ) -> Cost:
        """Count what states of some windows and `each` rewards of a history take, actions as long as the given ones."""
        states = [self.wording.begin + self.wording.listed(one) for one in windows]
        return cost(states + self.asked(histories, actions) * each)

    def cost_of_choices(
        self, histories: list[list[int]], lists: Int[Tensor, "history k"], by: str
    ) -> Cost:
        """Count what it takes to choose of each list and to reward what is chosen."""
        rewards = self.asked(histories, lists[:, 0].tolist())
        each = (
            [rewards] * lists.shape[1] if by == "reward" else [self.selections(histories, lists)[0]]
        )
        return cost([row for rows in (*each, rewards) for row in rows])

    def label_tokens(self, number: int) -> tuple[list[int], list[int]]:
        """Return what all labels begin with, and the first token by which each differs.

        Raises:
            ValueError: too few labels, or some that cannot be told apart by one token.
        """
        if number > len(self.labels):
            raise ValueError(f"lists of {number} items, but there are {len(self.labels)} labels")
        words = [f" {label}" for label in self.labels[:number]]
        ids = self.model.tokenizer(words, add_special_tokens=False)["input_ids"]
        same = 0
        while all(len(one) > same + 1 and one[same] == ids[0][same] for one in ids):
            same += 1
        first = [one[same] for one in ids]
        if len(set(first)) < number:
            raise ValueError(
                f"labels {', '.join(self.labels)}: two begin with the same token; take others in prompts.yaml"
            )
        return ids[0][:same], first


def cost(rows: list[list[int]]) -> Cost:
    """Count prompts and their tokens."""
    return len(rows), sum(map(len, rows))


def said(
    settings: Mapping[str, Any], tokens: ItemTokens, sessions: Path
) -> tuple[list[list[int]], list[int]]:
    """Return how items are said in token numbers, and what stands between two of them."""
    if settings["items"] == "tokens":
        return [[tokens.first + item] for item in range(tokens.items)], []
    if settings["items"] != "titles":
        raise ValueError(f"items={settings['items']!r}: expected one of {', '.join(SAID)}")
    titles = [one["title"] for one in described(sessions, ["title"], settings["tokens"]["words"])]
    plain = tokens.model.tokenizer([*titles, ", "], add_special_tokens=False)["input_ids"]
    return plain[:-1], plain[-1]
