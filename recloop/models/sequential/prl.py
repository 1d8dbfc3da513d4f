"""PRL: a next-item ranker that is given, beside the session, the return wanted from here to the session's end.

Xin et al. Rethinking Reinforcement Learning for Recommendation: A Prompt Perspective. SIGIR 2022. Its authors' code was
not found: what its text leaves open follows "released code", a later paper's reimplementation.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.data.batches import Batch
from recloop.models.catalogue import Catalogue
from recloop.models.decision.returns import to_go
from recloop.models.sequential.placebo import CONSTANT, KINDS, SCALE
from recloop.models.sequential.prompts import DeadPrompt, Prompt
from recloop.models.sessions import last

CHOICES = {
    "combine": ("attention", "mean", "mlp"),
    "weight": ("immediate", "none", "cumulative"),
    "prompt": ("stack", "dead"),
    "placebo": KINDS,
}


class PRL(nn.Module):
    """Imitates the logged action, given the session, the step and the return that followed in the log.

    Args:
        backbone: makes a session encoder.
        items: size of the catalogue; the id `items` is padding.
        steps: how many steps of a session have an embedding; later ones share the last.
        click_reward: reward of an action that is no purchase, and `purchase_reward` of a purchase.
        dropout: share dropped of the prompt's slots in training.
        combine: how state, step and return become one: `attention`, `mean` (PRL-mean) or `mlp` (PRL-MLP).
        weight: of an action's cross-entropy: its own reward (`immediate`), `none` (PRL-w/o) or its return
            (`cumulative`, PRL-cumu).
        prompt: `stack`, or `dead` as in one released file: attention reads the items instead of the slots and only the
            state goes on, so that neither step nor return reaches a score; `combine` and `relu` have no meaning then.
        relu: whether negative channels are cut before the output layer (released code; it can kill channels).
        placebo: what is given in place of the return, see `placebo`: 0, returns of purchases permuted over the batch,
            a constant, or a tenth of the number of items seen. Weights are 1 then, but for the permuted purchases.
        ask: at inference, the return asked for as a multiple of the mean return of training at that step.
        ask_spread: standard deviation of that multiple over what is asked.
    """

    reads = ("session", "position")

    def __init__(
        self,
        backbone: Callable[[], nn.Module],
        items: int,
        steps: int = 50,
        click_reward: float = 0.2,
        purchase_reward: float = 1.0,
        dropout: float = 0.3,
        combine: str = "attention",
        weight: str = "immediate",
        prompt: str = "stack",
        relu: bool = False,
        placebo: str = "none",
        ask: float = 2.0,
        ask_spread: float = 0.0,
    ):
        super().__init__()
        check(combine=combine, weight=weight, prompt=prompt, placebo=placebo)
        self.padding, self.steps = items, steps
        self.click_reward, self.purchase_reward = click_reward, purchase_reward
        self.weight, self.placebo = weight, placebo
        self.ask, self.ask_spread = ask, ask_spread
        self.backbone = backbone()
        dim, width = self.backbone.dim, self.backbone.embedding.embedding_dim
        alive = prompt == "stack"
        self.prompt = Prompt(dim, steps, dropout, combine, relu) if alive else None
        self.unread = DeadPrompt(dim, width, dropout) if not alive else None
        self.rank = Catalogue(dim, items)
        # Added up over all updates: in single precision the later ones would be lost.
        self.register_buffer("return_sum", torch.zeros(steps, dtype=torch.double))
        self.register_buffer("return_count", torch.zeros(steps, dtype=torch.double))

    def score(
        self, session: Int[Tensor, "batch time"], position: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch item"]:
        """Score every item as the one that follows, `position` items into the session, for the return asked for."""
        states = last(self.states(session), session, self.padding)
        steps = self.step(position - 1)
        return self.rank(self.prompted(states, steps, self.asked(session, steps)))

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Weighted cross-entropy of the logged action under its own return; counts the returns for `asked`."""
        real = batch.actions(self.padding)
        time = torch.arange(batch.session.shape[1], device=batch.session.device)
        steps = self.step(batch.start[:, None] + time)[real]
        wanted, weights = (values[real] for values in self.logged(batch))
        self.count(steps, wanted)
        states = self.prompted(self.states(batch.session)[real], steps, wanted)
        return self.rank.loss(states, batch.following[real], weights)

    def states(self, session: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time dim"]:
        """Encode the session up to each of its steps."""
        states = self.backbone(session)
        return self.unread(states, self.backbone.embedding(session)) if self.unread else states

    def prompted(
        self,
        states: Float[Tensor, "row dim"],
        steps: Int[Tensor, " row"],
        wanted: Float[Tensor, " row"],
    ) -> Float[Tensor, "row dim"]:
        """Condition the state on its step and on the wanted return."""
        return self.prompt(states, steps, wanted) if self.prompt else states

    def step(self, actions: Int[Tensor, "*row"]) -> Int[Tensor, "*row"]:
        """Return the number of a step, the actions before it, up to the last step that has an embedding."""
        return actions.clamp(0, self.steps - 1)

    def logged(
        self, batch: Batch
    ) -> tuple[Float[Tensor, "batch time"], Float[Tensor, "batch time"]]:
        """Compute the return that is given and the weight of every transition, or what a placebo puts there."""
        real = batch.following != self.padding
        if self.placebo == "shuffled_reward":
            batch = shuffled(batch, real)
        rewards, returns = self.rewards_and_returns(batch, real)
        ones = torch.ones_like(rewards)
        weights = {"immediate": rewards, "none": ones, "cumulative": returns}[self.weight]
        return {
            "none": (returns, weights),
            "shuffled_reward": (returns, weights),
            "zero_reward": (torch.zeros_like(ones), ones),
            "constant_target": (CONSTANT * ones, ones),
            "auxiliary": ((batch.start[:, None] + ones.cumsum(1)) / SCALE, ones),
        }[self.placebo]

    def rewards_and_returns(self, batch, real) -> tuple[Tensor, Tensor]:
        """Return r_t and R_t = r_t + … + r_T, undiscounted, to the end of the session, not of the piece."""
        gain = self.purchase_reward - self.click_reward
        rewards = (self.click_reward + gain * batch.purchase) * real
        after = (
            self.click_reward * batch.clicks_after + self.purchase_reward * batch.purchases_after
        )
        return rewards, to_go(rewards) + after[:, None]

    @torch.no_grad()
    def count(self, steps: Int[Tensor, " row"], wanted: Float[Tensor, " row"]) -> None:
        """Add to the returns met at each step."""
        self.return_sum += torch.bincount(steps, wanted.double(), minlength=self.steps)
        self.return_count += torch.bincount(steps, minlength=self.steps)

    def asked(
        self, session: Int[Tensor, "batch time"], steps: Int[Tensor, " batch"]
    ) -> Float[Tensor, " batch"]:
        """Ask for a multiple of the mean return at each step; a step never met counts as one more click (ours)."""
        mean = self.return_sum / self.return_count.clamp_min(1)
        mean = torch.where(self.return_count > 0, mean, self.click_reward)
        # A placebo that knows no returns is asked for what it was trained on.
        ask = self.ask if self.placebo in ("none", "shuffled_reward") else 1.0
        multiple = ask + self.ask_spread * normal(session, self.padding)
        return (multiple * mean[steps]).float()


def shuffled(batch: Batch, real: Tensor) -> Batch:
    """Permute which actions are purchases, over all transitions of the batch and all actions after its windows."""
    sizes = batch.clicks_after + batch.purchases_after
    owner = torch.arange(len(batch), device=real.device).repeat_interleave(sizes)
    number = int(batch.purchases_after.sum())
    later = (torch.arange(len(owner), device=real.device) < number).to(batch.purchase)
    flags = torch.cat([batch.purchase[real], later])
    flags = flags[torch.randperm(len(flags), device=real.device)]
    here, later = flags.split([int(real.sum()), len(owner)])
    purchases_after = torch.zeros_like(sizes).index_add_(0, owner, later)
    return replace(
        batch,
        purchase=torch.zeros_like(batch.purchase).masked_scatter(real, here),
        purchases_after=purchases_after,
        clicks_after=sizes - purchases_after,
    )


def normal(session: Int[Tensor, "batch time"], padding: int) -> Float[Tensor, " batch"]:
    """Draw a standard normal number per session from its items alone, whatever it is asked together with."""
    place = torch.arange(1, session.shape[1] + 1, device=session.device)
    mixed = ((session + 1) * (session != padding) * place).sum(1) * 2_654_435_761 % 2**32
    return torch.special.ndtri((mixed.double() + 0.5) / 2**32)


def check(**words: str) -> None:
    """Refuse a word that has no meaning, and say which have one."""
    for name, word in words.items():
        if word not in CHOICES[name]:
            raise ValueError(f"{name}={word!r}: expected one of {', '.join(CHOICES[name])}")
