"""Products of matrices by the library that PyTorch takes by itself and by the chosen one; attention by both.

    python benchmarks/products.py

The first table has billions of operations a second of one core, into memory that is used again; `bfloat16` rounds
factors, and no job does that unless a setting says so. The second has milliseconds of attention without dropout: as
`torch.nn.functional.scaled_dot_product_attention` computes it with the first and with the second library, and as ours
does with the second (recloop/models/attention.py).
"""

import argparse

import torch
from epochs import fastest
from torch.nn.functional import scaled_dot_product_attention

from recloop.fitting import processor
from recloop.models.attention import attention

PRODUCTS = (
    (1024, 64, 3416),
    (256, 64, 3416),
    (2400, 128, 128),
    (128, 2400, 128),
    (2048, 2048, 2048),
)
SESSIONS = ((134, 1, 10, 64), (134, 1, 50, 64), (64, 1, 200, 128), (32, 4, 50, 16), (128, 8, 8, 64))
CPU = torch.device("cpu")


def rate(rows: int, inner: int, columns: int, kind: torch.dtype = torch.float32) -> float:
    """Measure a product with a transposed matrix, as a linear layer has it, in GFLOP/s."""
    left, right = torch.randn(rows, inner).to(kind), torch.randn(columns, inner).to(kind)
    room = torch.empty(rows, columns, dtype=kind)
    seconds = fastest(lambda: torch.mm(left, right.T, out=room), 50, CPU)
    return 2 * rows * inner * columns / seconds / 1e9


@torch.inference_mode()
def attended(batch: int, heads: int, time: int, width: int) -> tuple[float, float, float]:
    """Measure attention over past positions, in milliseconds."""
    query, key, value = torch.randn(batch, time, 3 * heads * width).chunk(3, -1)

    def theirs() -> torch.Tensor:
        parts = (one.unflatten(-1, (heads, -1)).transpose(1, 2) for one in (query, key, value))
        return scaled_dot_product_attention(*parts, is_causal=True).transpose(1, 2).flatten(2)

    def ours() -> torch.Tensor:
        return attention(query, key, value, heads, causal=True)

    plain = fastest(theirs, 20, CPU)
    with processor.wide():
        torch.testing.assert_close(ours(), theirs())
        found = fastest(theirs, 20, CPU), fastest(ours, 20, CPU)
    return tuple(1000 * seconds for seconds in (plain, *found))


def main() -> None:
    """Print both tables."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    print(f"{'product':>18} {'by itself':>10} {'chosen':>8} {'bfloat16':>9}")
    torch.set_num_threads(1)
    plain = [rate(*shape) for shape in PRODUCTS]
    processor.use(1)
    for shape, before in zip(PRODUCTS, plain, strict=True):
        name = " x ".join(map(str, shape))
        with processor.wide():
            print(
                f"{name:>18} {before:10.0f} {rate(*shape):8.0f} {rate(*shape, torch.bfloat16):9.0f}"
            )
    print(f"\n{'batch heads time width':>24} {'PyTorch':>9} {'chosen':>8} {'ours':>6}")
    for shape in SESSIONS:
        plain, chosen, ours = attended(*shape)
        print(f"{' x '.join(map(str, shape)):>24} {plain:9.2f} {chosen:8.2f} {ours:6.2f}")


if __name__ == "__main__":
    main()
