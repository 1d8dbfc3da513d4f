"""Ratios of visits: those of known chains, what is estimated with them, and what players of the game learn."""

import pytest
import torch
from learners import CRITIC, bandit, learn, policy

from recloop.fitting.averaging import Average
from recloop.models.offline import dice
from recloop.models.offline.algae import Algae
from recloop.models.offline.corrected import Corrected
from recloop.models.offline.estimators import DualDICE, Judged
from recloop.models.offline.learner import Sessions, Turns
from recloop.models.offline.off_policy import OffPolicy
from recloop.models.offline.saddle import Moments
from recloop.models.offline.spaces import Space

MOVES = torch.tensor([[[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]]], dtype=torch.float64)
TARGET = torch.tensor([[0.2, 0.8], [0.7, 0.3]], dtype=torch.float64)
BEHAVIOUR = torch.tensor([[0.6, 0.4], [0.5, 0.5]], dtype=torch.float64)
FIRST = torch.tensor([0.7, 0.3], dtype=torch.float64)


def visits(policy, discount):
    """Solve for the discounted share of the time in each state and action."""
    chain = torch.einsum("sa,sat->st", policy, MOVES)
    states = torch.linalg.solve(
        torch.eye(2, dtype=torch.float64) - discount * chain.T, (1 - discount) * FIRST
    )
    return states[:, None] * policy


def saddle(parts, discount, kind, policy, logged, moves=MOVES):
    """Compute the Lagrangian of all turns of a log at once, each as often as it is there.

    Args:
        parts: nu and ratio of states and actions, the multiplier.
        discount, kind: of the correction.
        policy: that is judged.
        logged: visits of states and actions in the log, per session where sessions end.
        moves: chances of states after an action; a third column says that the session is over.
    """
    nu, ratio, norm = parts[:4].view(2, 2), parts[4:8], parts[8]
    later = moves.shape[2]
    count = (logged.flatten()[:, None] * moves.flatten(0, 1) * 10000).round().long().flatten()
    kinds = torch.tensor([(s, a, t) for s in range(2) for a in range(2) for t in range(later)])
    state, action, after = kinds.repeat_interleave(count, 0).T
    value, anew = (policy * nu).sum(1), kind == "gendice"
    first = (FIRST * value).sum()
    counts = later == 3 and not anew
    players = dice.Saddle(
        nu[state, action],
        torch.cat([value, first[None] * anew])[after],
        first[None],
        1 / float(logged.sum()) if counts else 1 - discount,
        ratio[2 * state + action],
        norm if anew else norm * 0,
    )
    return dice.lagrangian(players, discount, kind)


def stationary(kind, policy, logged, discount=0.8, moves=MOVES):
    """Find where both players stand still: the gradient is linear, so that it takes one step."""
    start = torch.zeros(9, dtype=torch.float64, requires_grad=True)
    value = saddle(start, discount, kind, policy, logged, moves)
    (slope,) = torch.autograd.grad(value, start, create_graph=True)
    curve = torch.stack([torch.autograd.grad(one, start, retain_graph=True)[0] for one in slope])
    return torch.linalg.lstsq(curve, -slope[:, None], driver="gelsd").solution[4:8, 0].detach()


@pytest.mark.parametrize("kind", dice.KINDS)
def test_ratios_are_those_of_a_known_chain(kind):
    logged = visits(BEHAVIOUR, 0.8)
    truth = (visits(TARGET, 0.8) / logged).flatten()
    torch.testing.assert_close(stationary(kind, TARGET, logged), truth, atol=0.005, rtol=0)
    same = stationary(kind, BEHAVIOUR, logged)
    torch.testing.assert_close(same, torch.ones(4, dtype=torch.float64), atol=0.005, rtol=0)


LEAVES = torch.tensor([[0.1, 0.3], [0.05, 0.2]], dtype=torch.float64)
SESSIONS = torch.cat([MOVES * (1 - LEAVES[..., None]), LEAVES[..., None]], dim=2)
WORTH = torch.tensor([[-3.0, -5.0], [-1.0, 2.0]], dtype=torch.float64)


def session_visits(policy, discount):
    """Solve for the discounted visits of a session to each state and action, until it is over."""
    chain = torch.einsum("sa,sat->st", policy, SESSIONS[..., :2])
    states = torch.linalg.solve(torch.eye(2, dtype=torch.float64) - discount * chain.T, FIRST)
    return states[:, None] * policy


def test_visits_of_sessions_that_end_give_their_return():
    """DualDICE's ratios are discounted visits beside those of a logged session, which are not discounted."""
    logged, truth = session_visits(BEHAVIOUR, 1.0), session_visits(TARGET, 0.95)
    ratio = stationary("dualdice", TARGET, logged, 0.95, SESSIONS).view(2, 2)
    torch.testing.assert_close(ratio, truth / logged, atol=0.005, rtol=0)
    assert float((ratio * logged * WORTH).sum()) == pytest.approx(
        float((truth * WORTH).sum()), rel=0.01
    )


def test_ratios_average_one_where_sessions_begin_anew():
    """GenDICE: who is content makes place for the next one, so that there is an endless chain with a known share."""
    logged = session_visits(BEHAVIOUR, 1.0)
    anew = SESSIONS[..., :2] + SESSIONS[..., 2:] * FIRST
    chain = torch.einsum("sa,sat->st", TARGET, anew)
    share = torch.linalg.solve(torch.eye(2, dtype=torch.float64) - 0.95 * chain.T, 0.05 * FIRST)
    truth = share[:, None] * TARGET / (logged / logged.sum())
    ratio = stationary("gendice", TARGET, logged, 0.95, SESSIONS).view(2, 2)
    torch.testing.assert_close(ratio, truth, atol=0.01, rtol=0)
    assert float((ratio * logged / logged.sum()).sum()) == pytest.approx(1.0, abs=1e-3)


# -- corrections of sessions of two turns and more, solved for and played ----------------------------------------------


def many_turns(sessions=10000):
    """List every turn of a large log, each as often as it is there: turns, states that are marked, what is after."""
    count = sessions * session_visits(BEHAVIOUR, 1.0)[..., None] * SESSIONS
    kinds = torch.tensor([(s, a, t) for s in range(2) for a in range(2) for t in range(3)])
    state, action, after = kinds.repeat_interleave(count.round().long().flatten(), 0).T
    mark = torch.eye(3, 2, dtype=torch.float64)  # nothing of a session that is over
    turns = Turns(mark[state], mark[after], action[:, None], WORTH[state, action], after == 2)
    start = mark.repeat_interleave(torch.cat([sessions * FIRST, FIRST[:1] * 0]).round().long(), 0)
    return turns, start, after


def added(turns, start, after, shown, ridge):
    """Solve for the correction where `shown` is what is seen of the two states."""
    policy = torch.cat([TARGET, TARGET[:1]]).log()[:, None]  # as if nothing had ended
    moments = Moments(Space([2]), shown.shape[1], 0.95, "cpu")
    seen = turns._replace(state=turns.state @ shown, after=turns.after @ shown)
    half = len(start) // 2
    moments.add(seen, policy[after], start[:half] @ shown, policy[start[:half].argmax(1)])
    nothing = Turns(*(one[:0] for one in seen))
    moments.add(nothing, policy[after[:0]], start[half:] @ shown, policy[start[half:].argmax(1)])
    return moments.solved(ridge)


def test_the_solved_correction_gives_the_exact_return():
    logged, truth = session_visits(BEHAVIOUR, 1.0), session_visits(TARGET, 0.95)
    found = added(*many_turns(), torch.eye(2, dtype=torch.float64), 1e-6)
    assert found.worth == pytest.approx(float((truth * WORTH).sum()), rel=1e-3)
    assert found.ratio == pytest.approx(float(truth.sum() / logged.sum()), rel=1e-3)


def test_the_solved_correction_is_lstd_q_in_the_same_features():
    """Nothing is seen of a state, too little for the truth: both err by the same."""
    turns, start, after = many_turns()
    truth = float((session_visits(TARGET, 0.95) * WORTH).sum())
    here = torch.nn.functional.one_hot(turns.action[:, 0], 2).double()
    later = torch.cat([TARGET, TARGET[:1] * 0])[after]
    values = torch.linalg.solve(here.T @ (here - 0.95 * later), here.T @ turns.reward)
    lstd = float((TARGET[start.argmax(1)] @ values).mean())
    found = added(turns, start, after, torch.zeros(2, 1, dtype=torch.float64), 1e-6)
    assert found.worth == pytest.approx(lstd, rel=1e-3)
    assert abs(lstd - truth) > 0.05 * abs(truth)


def test_a_large_ridge_says_what_the_log_brought():
    """Ratios are drawn to 1, in visits of a session: what remains is the mean of logged sessions, not discounted."""
    turns, start, after = many_turns()
    found = added(turns, start, after, torch.eye(2, dtype=torch.float64), 1e6)
    assert found.worth == pytest.approx(float(turns.reward.sum()) / len(start), rel=1e-3)
    assert found.ratio == pytest.approx(1.0, abs=1e-3)


def test_a_ridge_that_is_lost_in_rounding_is_refused():
    with pytest.raises(ValueError, match="ridge=0: too small for features that say one thing"):
        added(*many_turns(), torch.eye(2, dtype=torch.float64), 0)


def test_the_estimator_weighs_sessions_piece_by_piece():
    """Sessions of one turn: what is estimated is the mean reward under the judged policy, whatever the log did."""
    torch.manual_seed(0)
    batch = bandit([0, 0, 0, 1, 2, 3, 3], [-1.0, -1.0, -1.0, -2.0, -3.0, 4.0, 6.0])
    judged = Judged(OffPolicy(**CRITIC), "drawn")
    model = DualDICE(**CRITIC, ridge=1e-5)
    pieces = [Sessions(*(one[rows] for one in batch)) for rows in (slice(0, 3), slice(3, 7))]
    found = model.estimate(pieces, judged)
    truth = float(policy(judged.policy) @ torch.tensor([-1.0, -2.0, -3.0, 5.0]))
    assert found["estimate"] == pytest.approx(truth, rel=0.01)
    assert found["ratio"] == pytest.approx(1.0, abs=0.01)  # one turn each
    assert model.estimate([batch], judged)["estimate"] == pytest.approx(found["estimate"])


def logged_sessions(number, turns=40):
    """Draw sessions that begin in the first state; what is seen of a turn is the state after it."""
    generator = torch.Generator().manual_seed(0)
    state, going = torch.zeros(number, dtype=torch.long), torch.ones(number, dtype=torch.bool)
    rows = []
    for _ in range(turns):
        action = torch.multinomial(BEHAVIOUR[state], 1, generator=generator)
        after = torch.multinomial(SESSIONS[state, action[:, 0]], 1, generator=generator)[:, 0]
        over, state = going & (after == 2), after.clamp(max=1)
        rows.append((torch.eye(2)[state], action, torch.zeros(number), over, going))
        going = going & (after != 2)
    seen, action, reward, ends, real = (torch.stack(one, dim=1) for one in zip(*rows, strict=True))
    return Sessions(seen, seen * 0, action, reward, ends, real)


def exact_ratios(turns, sessions, policy, kind):
    """Count what the log did and solve for the ratios of three states: none was seen yet, the first or the second.

    Returns:
        Ratios by turn.
    """

    def place(state):
        return torch.unique(state.round(decimals=4), dim=0, return_inverse=True)[1]

    state, after, start = place(torch.cat([turns.state, turns.after, turns.state[:1] * 0])).split(
        [len(turns.state), len(turns.after), 1]
    )
    action, ends = turns.action[:, 0], turns.ends
    counts = torch.zeros(3, 2, 4, dtype=torch.float64)
    counts.index_put_(
        (state, action, after.masked_fill(ends, 3)), counts.new_ones(len(state)), accumulate=True
    )
    chosen = torch.zeros(3, 2, dtype=torch.float64)
    chosen[state] = policy.double()
    logged, first = counts.sum(2), torch.eye(3, dtype=torch.float64)[start[0]]
    moves = counts / logged[..., None]
    anew, begun = (1.0, 0.05) if kind == "gendice" else (0.0, sessions / len(state))
    chain = torch.einsum("sa,sat->st", chosen, moves[..., :3] + anew * moves[..., 3:] * first)
    met = torch.linalg.solve(torch.eye(3, dtype=torch.float64) - 0.95 * chain.T, begun * first)
    ratios = met[:, None] * chosen / (logged / len(state))
    return ratios[state, action]


@pytest.mark.parametrize("kind", dice.KINDS)
def test_players_that_learn_reach_the_ratios(kind):
    """After 3,000 updates with averaged weights, on three states and two actions."""
    torch.manual_seed(0)
    batch = logged_sessions(60)
    model = Corrected(
        **CRITIC | {"sizes": [2], "discount": 0.95, "critic_hidden": 32},
        correction=kind,
        largest=10.0,
    )
    with torch.no_grad():
        model.tracker.gates.bias[: model.tracker.dim] = -20.0  # what was seen last is the state
        model.policy[-1].bias.copy_(torch.tensor([1.5, 0.0]))
        turns, _ = model.prepared(batch, None)
        policy = model.log_policy(turns.state)[:, 0].exp()
    truth = exact_ratios(turns, 60, policy, kind)
    assert truth.std() > 0.5
    players = torch.nn.ModuleList([model.nu, model.zeta])
    learning = [*players.parameters(), model.norm]
    optimiser, average = torch.optim.Adam(learning, lr=0.001, fused=True), Average(players, 0.998)
    for update in range(3000):
        optimiser.zero_grad()
        model.corrected(turns, 60)[1].backward()
        optimiser.step()
        average.update(players, update + 1)
    with average.in_place(players), torch.no_grad():
        ratio, _ = model.corrected(turns, 60)
    assert float((ratio - truth).square().mean().sqrt()) < 0.06


def test_algae_s_ratios_count_visits_of_a_session():
    """Sessions of five turns with one action: nu is solved for, and the ratios are the discounts of the turns."""
    torch.manual_seed(0)
    batch = bandit([0, 0], [-3.0, -3.0], turns=5)
    model = Algae(**CRITIC | {"sizes": [1], "temperature": 1.0}, alpha=2.0, entropy_weight=0.0)
    learn(model, batch, updates=400)
    with torch.no_grad():
        turns, _ = model.prepared(batch, None)
        value = [model.values(one).sum((-1, -2)) for one in (turns.state, turns.after)]
        ratio = (turns.reward + 0.9 * value[1] * ~turns.ends - value[0]) / 2.0
    torch.testing.assert_close(ratio[:5], 0.9 ** torch.arange(5.0), atol=0.1, rtol=0)


@pytest.mark.parametrize("kind", dice.KINDS)
def test_both_players_learn_from_one_loss(kind):
    """Its slope is that of the Lagrangian for nu and for the norm, and the opposite for the ratio."""
    generator = torch.Generator().manual_seed(2)
    parts = [torch.randn(6, generator=generator, requires_grad=True) for _ in range(4)]
    norm = torch.tensor(0.3, requires_grad=True)
    players = dice.Saddle(*parts[:2], parts[2][:2], 0.1, parts[3], norm)
    leaves = (*parts, norm)
    slope = torch.autograd.grad(dice.lagrangian(players, 0.9, kind), leaves, allow_unused=True)
    mine = torch.autograd.grad(dice.players_loss(players, 0.9, kind), leaves, allow_unused=True)
    for place, (one, other) in enumerate(zip(mine, slope, strict=True)):
        torch.testing.assert_close(one, -other if place == 3 else other)


def test_an_unknown_correction_is_refused():
    with pytest.raises(ValueError, match="correction='dyce': expected one of dualdice, gendice"):
        Corrected(**CRITIC, correction="dyce", largest=10.0).loss(bandit([0], [1.0]))
