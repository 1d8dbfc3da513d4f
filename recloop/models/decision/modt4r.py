"""MODT4R: a decision transformer that takes returns for accuracy, diversity and novelty and gives the next item.

Wang et al. Beyond Accuracy: Decision Transformers for Reward-driven Multi-objective Recommendations. TKDE 2025.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import pad

from recloop.data.batches import Batch
from recloop.data.popularity import novel_items
from recloop.models.backbones.embedding import item_embedding
from recloop.models.backbones.sasrec import SASRec
from recloop.models.blocks import CausalBlocks
from recloop.models.catalogue import Catalogue
from recloop.models.decision.controls import Control, Moments
from recloop.models.decision.returns import (
    Desired,
    accuracy,
    attainable_diversity,
    observed_diversity,
    to_go,
)
from recloop.models.sessions import last, lengths

OBJECTIVES = ("acc", "nov", "div")  # order of the tokens, Eq. 4.1


class MODT4R(nn.Module):
    """UserTrans makes states; MoTrans reads state, returns and action of each step and predicts the next token.

    Five tokens go in and four come out (Eq. 4.10): each is read one token earlier, where the causal mask hides it. So
    the action is read at the last return, not at its own token, where its label stands.

    Args:
        items: size of the catalogue; the id `items` is padding.
        item_vectors: frozen vectors whose cosines make the diversity return.
        item_counts: events per item in training; the less popular 90% are novel.
        dim: width of item, state, return and action embeddings.
        length: most items of a session.
        layers: depth of MoTrans.
        heads: attention heads of UserTrans and of MoTrans.
        dropout: share dropped in both.
        return_loss: beta, weight of the return prediction (Eq. 4.17); with 0 there is none.
        return_scale: unit in which returns are predicted: `raw` (Eq. 4.15), or their standard deviation over
            `training`, so that counts do not outweigh similarities and items.
        item_loss: whether UserTrans learns to predict items too (L_S). Without it its scores, never trained, are
            left out of Eq. 4.19.
        objectives: which returns are given to the model, joined by `+` (Eq. 4.21).
        returns: `log`, or what stands in their place, see `controls`; with `none` there are states and actions alone.
        observed_diversity: train on the diversity return of the log instead of the printed 1 + Sim.
        state: `user` from UserTrans, `item` its embedding (MODT4R_i), `position` a learned one (MODT4R_imp).
        first_item: with `position`, whether the first state knows x_1, which is no action and stands nowhere else.
        alpha: weight of the UserTrans score beside the MoTrans score (Eq. 4.19).
        desired: makes the returns to ask for, see `Desired`.
    """

    order = ("state", *OBJECTIVES, "action")

    def __init__(
        self,
        items: int,
        item_vectors: Float[Tensor, "item vector"],
        item_counts: Int[Tensor, " item"],
        dim: int = 64,
        length: int = 10,
        layers: int = 2,
        heads: int = 1,
        dropout: float = 0.1,
        return_loss: float = 0.6,
        return_scale: str = "raw",
        item_loss: bool = True,
        objectives: str = "acc+div+nov",
        returns: str = "log",
        observed_diversity: bool = False,
        state: str = "user",
        first_item: bool = True,
        alpha: float = 1.0,
        desired: Callable[[], Desired] = Desired,
    ):
        super().__init__()
        self.control = Control(returns, OBJECTIVES)
        chosen = check(objectives, state, return_scale) if self.control.given else ()
        self.padding, self.state, self.first_item = items, state, first_item
        self.tokens = tuple(token for token in self.order if token in (*chosen, "state", "action"))
        self.return_loss, self.alpha = return_loss, alpha
        self.item_loss = item_loss and state == "user"
        self.observed_diversity, self.desired = observed_diversity, desired()
        with_user = state == "user"
        self.user = SASRec(items, dim, length, heads=heads, dropout=dropout) if with_user else None
        self.table = None if with_user else item_embedding(items, dim)
        self.implicit = small(length, dim) if state == "position" else None
        self.position = small(length, dim)  # P_t, shared by the tokens of a step (Eq. 4.7)
        self.scale = nn.ParameterDict(
            {name: small(dim) for name in self.tokens if name in OBJECTIVES}
        )  # E_o
        scaled = return_loss and return_scale == "training"
        self.moments = Moments(list(self.scale)) if scaled else None
        self.multi = CausalBlocks(dim, layers, heads, dropout)
        learned = self.scale if return_loss else ()
        self.predict = nn.ModuleDict({name: nn.Linear(dim, 1) for name in learned})  # Eq. 4.11
        self.act = Catalogue(dim, items)  # Eq. 4.12, with the identity as activation
        self.rank = Catalogue(dim, items) if self.item_loss else None  # Eq. 4.13
        self.register_buffer(
            "vectors", torch.cat([item_vectors, item_vectors.new_zeros(1, item_vectors.shape[1])])
        )
        novel = torch.from_numpy(novel_items(item_counts.numpy()))
        self.register_buffer("novel", torch.cat([novel, novel.new_zeros(1)]))

    def score(self, session: Int[Tensor, "batch time"]) -> Float[Tensor, "batch item"]:
        """Score every item as the one that follows, A_p + alpha Y_p (Eq. 4.19)."""
        sizes = lengths(session, self.padding)
        desired = self.desired(session, self.vectors[session], self.novel[session], sizes)
        following = torch.full_like(session, self.padding)
        following[:, :-1] = session[:, 1:]  # a_1 … a_{p-1}; a_p comes after what is read
        states = self.states(session)
        outputs = self.outputs(states, self.control.asked(desired), following)
        scores = self.act(last(self.before("action", outputs), session, self.padding))
        if self.rank and self.alpha:
            scores += self.alpha * self.rank(last(states, session, self.padding))
        return scores

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """L_S + L_a + beta L_R (Eq. 4.17; the printed Eq. 4.16 lacks its minus sign)."""
        acted, real = batch.actions(self.padding), batch.following != self.padding
        targets, logged = batch.following[acted], self.control.logged(self.logged(batch), real)
        states = self.states(batch.session)
        outputs = self.outputs(states, logged, batch.following)
        loss = self.act.loss(self.before("action", outputs)[acted], targets)
        if self.rank:
            loss = loss + self.rank.loss(states[acted], targets)
        return loss + self.return_loss * self.return_error(outputs, logged, acted)

    def return_error(self, outputs, logged, acted) -> Float[Tensor, ""]:
        """Squared error of the predicted returns, summed over objectives (Eq. 4.15)."""
        total, targets = outputs.new_zeros(()), logged
        if self.moments:
            self.moments.count({name: logged[name] for name in self.predict}, acted)
            targets = {name: logged[name] / self.moments.deviation(name) for name in self.predict}
        for name, head in self.predict.items():
            predicted = head(self.before(name, outputs)).squeeze(-1)
            total = total + (predicted - targets[name])[acted].square().mean()
        return total

    def logged(self, batch: Batch) -> dict[str, Float[Tensor, "batch time"]]:
        """Return the returns of the log (Eqs. 4.3, 4.4 and 4.6)."""
        real = batch.following != self.padding
        return {
            "acc": accuracy(real),
            "nov": to_go(self.novel[batch.following].float()),
            "div": self.logged_diversity(batch, real),
        }

    def logged_diversity(self, batch, real) -> Float[Tensor, "batch time"]:
        """Return 1 + Sim as printed, or the true drop in similarity."""
        if not self.observed_diversity:
            return attainable_diversity(self.vectors[batch.session])
        whole = torch.cat([batch.session[:, :1], batch.following], dim=1)
        return observed_diversity(real, self.vectors[whole])

    def states(self, session: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time dim"]:
        """Make s_t: UserTrans (Eq. 4.2), the item's embedding, or a learned one of the position (s_1 with x_1)."""
        if self.state == "user":
            return self.user(session)
        if self.state == "item":
            return self.embed(session)
        states = self.implicit[: session.shape[1]].expand(len(session), -1, -1)
        if not self.first_item:
            return states
        return states + pad(self.embed(session[:, :1]), (0, 0, 0, session.shape[1] - 1))

    def embed(self, ids: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time dim"]:
        """Look items up in the table of UserTrans, which actions share (ours), or in one of their own."""
        return (self.user.embedding if self.user else self.table)(ids)

    def outputs(self, states, asked, following) -> Float[Tensor, "batch time token dim"]:
        """Stack the tokens of each step and run MoTrans over all of them (Eqs. 4.7 to 4.9)."""
        parts = {"state": states, "action": self.embed(following)}
        parts |= {name: asked[name][..., None] * vector for name, vector in self.scale.items()}
        stacked = torch.stack([parts[name] for name in self.tokens], dim=2)
        stacked = stacked + self.position[: states.shape[1], None]
        return self.multi(stacked.flatten(1, 2)).unflatten(1, stacked.shape[1:3])

    def before(self, token: str, outputs) -> Float[Tensor, "batch time dim"]:
        """Read the output from which a token is predicted: the one before it."""
        return outputs[:, :, self.tokens.index(token) - 1]


def small(*shape: int) -> nn.Parameter:
    """Make weights of the size GPT starts from."""
    return nn.Parameter(torch.randn(shape) * 0.02)


def check(objectives: str, state: str, return_scale: str) -> set[str]:
    """Return the returns that go in; raise an error that lists the allowed words otherwise."""
    chosen = set(objectives.split("+"))
    if not chosen <= set(OBJECTIVES):
        raise ValueError(f"objectives={objectives!r}: join some of {', '.join(OBJECTIVES)} by '+'")
    if state not in ("user", "item", "position"):
        raise ValueError(f"state={state!r}: take user, item or position")
    if return_scale not in ("raw", "training"):
        raise ValueError(f"return_scale={return_scale!r}: take raw or training")
    return chosen
