"""Scores of drawn items and their gradients: a product with all items beside one with copies of the drawn rows.

    python benchmarks/sampled.py                    # 256 negatives per position, d = 128, one core

Where a catalogue is small beside what is drawn, the larger product is the faster one: `DENSE` in
recloop/models/catalogue.py is the number of items per drawn one up to which it is taken. One draw for all positions of
a session needs neither.
"""

import argparse

import torch
from epochs import fastest

from recloop.fitting import processor
from recloop.models import build
from recloop.models.catalogue import Catalogue, _AmongAll, _AmongDrawn

CPU = torch.device("cpu")


def seconds(kind: type, items: int, given: argparse.Namespace) -> float:
    """Time scores and gradients of one way."""
    table = Catalogue(given.dim, items)
    states = torch.randn(given.rows, given.dim, requires_grad=True)
    drawn = torch.randint(items, (given.rows, given.negatives))

    def run() -> None:
        kind.apply(states, table.weight, table.bias, drawn).sum().backward()

    return fastest(run, given.turns, CPU)


def shared(items: int, given: argparse.Namespace) -> float:
    """Time one draw for the positions of a session."""
    backbone = {"class": "backbones.gru4rec.GRU4Rec", "dim": given.dim}
    settings = {"class": "sequential.gbce.GBCE", "negatives": given.negatives}
    model = build(settings | {"backbone": backbone}, items=items, length=given.length)
    sessions = given.rows // given.length
    states = torch.randn(sessions, given.length, given.dim, requires_grad=True)

    def run() -> None:
        model.of_session(states, model.draw(sessions, CPU)).sum().backward()

    return fastest(run, given.turns, CPU)


def main() -> None:
    """Print a row per size of catalogue."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, nargs="+", default=[1_000, 4_000, 16_000, 64_000])
    parser.add_argument("--rows", type=int, default=2_000, help="positions (%(default)s)")
    parser.add_argument("--length", type=int, default=50, help="of a session (%(default)s)")
    parser.add_argument("--negatives", type=int, default=256, help="(%(default)s)")
    parser.add_argument("--dim", type=int, default=128, help="(%(default)s)")
    parser.add_argument("--turns", type=int, default=8, help="of which the best counts")
    given = parser.parse_args()
    processor.use(1)
    print(f"{'items':>8} {'all':>9} {'drawn':>9} {'a session':>9}")
    for items in given.items:
        found = [seconds(kind, items, given) for kind in (_AmongAll, _AmongDrawn)]
        found.append(shared(items, given))
        print(f"{items:8,} " + " ".join(f"{one * 1000:6.0f} ms" for one in found))


if __name__ == "__main__":
    main()
