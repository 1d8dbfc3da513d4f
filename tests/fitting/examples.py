"""Small trainings of every kind that the trainer has to carry, each of them real: it learns what it is about."""

import torch
from torch import nn
from torch.nn import functional

from recloop.fitting.objective import Objective
from recloop.fitting.progress import Metric

LOSS = Metric("valid_loss", "loss", higher=False)
ROWS, DIM = 48, 6


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


class Shuffled(Objective):
    """Rows in an order that depends on seed and epoch alone."""

    metric = LOSS

    def __init__(self, schedule, context):
        self.schedule, self.context = schedule, context
        self.length = -(-ROWS // schedule.batch_size)

    def batches(self, epoch, skip):
        order = torch.randperm(ROWS, generator=self.context.generator(epoch))
        return order.split(self.schedule.batch_size)[skip:]

    def size(self, batch):
        return len(batch)


class Pairs(Shuffled):
    """A reward model on pairs: the preferred one of two has the higher reward (Bradley and Terry)."""

    divisible = True

    def __init__(self, schedule, context):
        super().__init__(schedule, context)
        items, taste = draw(ROWS, 2, DIM), draw(DIM, seed=1)
        order = (items @ taste).argsort(1, descending=True)
        self.pairs = items.gather(1, order[..., None].expand_as(items))
        self.model = nn.Sequential(nn.Linear(DIM, 8), nn.Tanh(), nn.Dropout(0.1), nn.Linear(8, 1))

    def loss(self, batch):
        better, worse = self.model(self.pairs[batch]).squeeze(-1).unbind(1)
        return -functional.logsigmoid(better - worse).mean()

    def evaluate(self):
        return self.loss(torch.arange(ROWS)).item()


class Adapted(nn.Module):
    """A frozen layer with an adapter of low rank."""

    def __init__(self, layer, rank=2):
        super().__init__()
        self.layer = layer.requires_grad_(False)
        self.down = nn.Linear(layer.in_features, rank, bias=False)
        self.up = nn.Linear(rank, layer.out_features, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, values):
        return self.layer(values) + self.up(self.down(values))


class LanguageModel(Shuffled):
    """A frozen recurrent model of a text whose output layer, tied to its embedding, has an adapter."""

    divisible = True

    def __init__(self, schedule, context):
        super().__init__(schedule, context)
        text = torch.arange(ROWS + 5) * 7 % 11
        self.text = text.unfold(0, 6, 1)
        table, network = nn.Embedding(11, DIM), nn.GRU(DIM, DIM, batch_first=True)
        head = nn.Linear(DIM, 11, bias=False)
        head.weight = table.weight
        self.model = nn.ModuleDict({"table": table, "network": network, "head": Adapted(head)})
        table.requires_grad_(False)
        network.requires_grad_(False)

    def loss(self, batch):
        words = self.text[batch]
        states = self.model["network"](self.model["table"](words[:, :-1]))[0]
        logits = self.model["head"](states)
        return functional.cross_entropy(logits.flatten(0, 1), words[:, 1:].flatten())

    def evaluate(self):
        return self.loss(torch.arange(ROWS)).item()


class Diffusion(Shuffled):
    """A denoiser of vectors; times and noise come from the generator of the update."""

    divisible = True

    def __init__(self, schedule, context):
        super().__init__(schedule, context)
        self.clean = draw(ROWS, 2, seed=2) * 0.1 + torch.tensor([2.0, -1.0])
        self.model = nn.Sequential(nn.Linear(3, 16), nn.SiLU(), nn.Linear(16, 2))

    def batches(self, epoch, skip):
        rows = super().batches(epoch, 0)
        yield from list(enumerate(rows, epoch * self.length))[skip:]

    def size(self, batch):
        return len(batch[1])

    def noised(self, clean, generator):
        time = torch.rand(len(clean), 1, generator=generator)
        noise = torch.randn(clean.shape, generator=generator)
        return torch.cat([(1 - time) * clean + time * noise, time], 1), noise

    def loss(self, batch):
        update, rows = batch
        values, noise = self.noised(self.clean[rows], self.context.generator(update))
        return functional.mse_loss(self.model(values), noise)

    def evaluate(self):
        values, noise = self.noised(self.clean, torch.Generator().manual_seed(5))
        return functional.mse_loss(self.model(values), noise).item()


class EndToEnd(Shuffled):
    """Pictures to items: an encoder that learns slowly and a head that learns fast."""

    divisible = True

    def __init__(self, schedule, context):
        super().__init__(schedule, context)
        self.label = torch.arange(ROWS) % 3
        self.pictures = draw(ROWS, 1, 6, 6) * 0.3
        self.pictures[torch.arange(ROWS), 0, self.label * 2] += 1
        encoder = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten())
        self.model = nn.ModuleDict({"encoder": encoder, "head": nn.Linear(64, 3)})

    def optimisers(self, phase):
        rate = self.schedule.learning_rate
        parts = {"encoder": rate / 10, "head": rate}
        groups = [
            {"params": self.model[name].parameters(), "lr": one} for name, one in parts.items()
        ]
        return {"all": torch.optim.AdamW(groups)}

    def loss(self, batch):
        logits = self.model["head"](self.model["encoder"](self.pictures[batch]))
        return functional.cross_entropy(logits.float(), self.label[batch])

    def evaluate(self):
        return self.loss(torch.arange(ROWS)).item()


class Coupled(Shuffled):
    """Two models with two views and two optimisers; after each epoch both learn what the other one thinks.

    The opinions are those of the same snapshot: neither has learned from the exchange when the other one is asked.
    """

    def __init__(self, schedule, context):
        super().__init__(schedule, context)
        features = draw(ROWS, 2 * DIM)
        self.label = (features.sum(1) > 0).float()
        self.views = dict(zip(("one", "two"), features.split(DIM, 1), strict=True))
        self.model = nn.ModuleDict({name: nn.Linear(DIM, 1) for name in self.views})
        self.opinions = {name: torch.full((ROWS,), 0.5) for name in self.views}

    def optimisers(self, phase):
        rates = {"one": self.schedule.learning_rate, "two": self.schedule.learning_rate / 2}
        return {
            name: torch.optim.SGD(self.model[name].parameters(), rate, momentum=0.9)
            for name, rate in rates.items()
        }

    def logits(self, name, rows):
        return self.model[name](self.views[name][rows])[:, 0]

    def loss(self, batch):
        other = {"one": "two", "two": "one"}
        return {
            name: functional.binary_cross_entropy_with_logits(
                self.logits(name, batch),
                (self.label[batch] + self.opinions[other[name]][batch]) / 2,
            )
            for name in self.views
        }

    @torch.no_grad()
    def after_epoch(self, epoch):
        everything = torch.arange(ROWS)
        self.opinions = {name: self.logits(name, everything).sigmoid() for name in self.views}

    def evaluate(self):
        both = sum(self.logits(name, torch.arange(ROWS)) for name in self.views)
        return functional.binary_cross_entropy_with_logits(both, self.label).item()

    def state(self):
        return self.opinions

    def load_state(self, tensors):
        self.opinions = tensors


class Corridor:
    """Eight corridors of five places side by side; one step to the right each, and the reward is at the end."""

    def __init__(self, envs=8, places=5):
        self.places, self.place = places, torch.zeros(envs, dtype=torch.long)

    def step(self, action):
        self.place = (self.place + action * 2 - 1).clamp(0, self.places - 1)
        done = self.place == self.places - 1
        reached, self.place = self.place, torch.where(done, 0, self.place)
        return reached, done.float()


class ActStoreLearn(Objective):
    """Q-learning: before every update all environments act once, and a replay buffer keeps what happened."""

    metric = Metric("valid_return", "return")

    def __init__(self, schedule, context):
        self.schedule, self.context, self.length = schedule, context, 6
        self.model, self.world = nn.Embedding(5, 2), Corridor()
        self.buffer = {name: torch.zeros(64) for name in ("place", "action", "after", "reward")}
        self.written = 0

    def act(self, generator):
        place = self.world.place
        drawn = torch.randint(2, (len(place),), generator=generator)
        greedy = torch.rand(len(place), generator=generator) > 0.5
        with torch.no_grad():
            action = torch.where(greedy, self.model(place).argmax(1), drawn)
        after, reward = self.world.step(action)
        rows = (self.written + torch.arange(len(place))) % 64
        seen = {"place": place, "action": action, "after": after, "reward": reward}
        for name, values in seen.items():
            self.buffer[name][rows] = values.float()
        self.written += len(place)

    def batches(self, epoch, skip):
        for update in range(epoch * self.length + skip, (epoch + 1) * self.length):
            generator = self.context.generator(update)
            self.act(generator)
            full = min(self.written, 64)
            yield torch.randint(full, (self.schedule.batch_size,), generator=generator)

    def loss(self, batch):
        seen = {name: values[batch] for name, values in self.buffer.items()}
        value = self.model(seen["place"].long()).gather(1, seen["action"].long()[:, None])[:, 0]
        with torch.no_grad():
            future = self.model(seen["after"].long()).amax(1) * (seen["reward"] == 0)
        return functional.mse_loss(value, seen["reward"] + 0.9 * future)

    def evaluate(self):
        world, total = Corridor(1), 0.0
        for _ in range(8):
            total += world.step(self.model(world.place).argmax(1))[1].item()
        return total

    def state(self):
        written = torch.tensor(self.written)
        return self.buffer | {"world": self.world.place, "written": written}

    def load_state(self, tensors):
        self.world.place, self.written = tensors["world"], int(tensors["written"])
        self.buffer = {name: tensors[name] for name in self.buffer}
