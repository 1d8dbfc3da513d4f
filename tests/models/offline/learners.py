"""Small learners and logs, for tests."""

import torch

from recloop.models.offline.learner import Sessions

SHAPE = {"sizes": [4], "inputs": 2, "words": 2, "hidden": 16, "slot_dim": 8, "hears": True}
CRITIC = SHAPE | {"critic_hidden": 16, "discount": 0.9, "temperature": 0.2, "target_rate": 0.05}


def bandit(actions, rewards, turns=1):
    """Make sessions of some turns in which nothing is seen: one action each, with its reward."""
    action = torch.tensor(actions)[:, None, None].expand(-1, turns, 1)
    reward = torch.tensor(rewards)[:, None].expand(-1, turns).clone()
    ends = torch.zeros(reward.shape, dtype=torch.bool)
    ends[:, -1] = True
    blank = torch.zeros(len(actions), turns, 2)
    return Sessions(blank, blank, action, reward, ends, torch.ones_like(ends))


def learn(model, batch, updates=200, rate=0.02):
    optimiser = torch.optim.Adam([one for one in model.parameters() if one.requires_grad], lr=rate)
    for _ in range(updates):
        optimiser.zero_grad()
        loss = model.loss(batch)
        loss.backward()
        optimiser.step()
        model.after_update()
    return model


def policy(model):
    return model.log_policy(model.tracker.start(1))[0, 0].exp().detach()
