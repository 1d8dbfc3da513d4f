"""How a job uses the processor: its threads, which library multiplies large matrices, and what becomes of freed memory.

PyTorch leaves products in single precision to MKL, which uses no AVX-512 on processors of AMD: 109 GFLOP/s on a core
where oneDNN, which comes with PyTorch too, reaches 245 (benchmarks/README.md). oneDNN takes such products only where it
may round their factors to 16 bits, which it does on processors with tiles (AMX) and nowhere else. A shape that it meets
for the first time costs it 0.4 ms, so that small products, and shapes that change, stay with MKL.

What is freed goes back to the system from a size on, and the next tensor is made of new pages, which cost more than the
sums that fill it; here it waits for its next use, so that a process may keep as much as it ever had.
"""

import ctypes
import functools
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of mallopt(3), in glibc
WAITING, LARGEST = 1 << 28, 1 << 25  # bytes; glibc takes no larger one for the second
WORTHWHILE = (
    1 << 23
)  # multiplications in a product from which on oneDNN is worth its start; measured


def use(threads: int | None) -> None:
    """Take some threads of the processor (None leaves PyTorch's choice), and let freed memory wait for its next use."""
    if threads:
        torch.set_num_threads(threads)
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(M_MMAP_THRESHOLD, LARGEST)
        library.mallopt(M_TRIM_THRESHOLD, WAITING)


@contextmanager
def wide(worthwhile: bool = True) -> Iterator[None]:
    """Multiply by the faster library within, where it is exact; gradients too, if they are made within.

    Args:
        worthwhile: whether products are large and their shapes the same again and again; else nothing changes.
    """
    if not worthwhile or not is_faster() or rounding() == "bf16":
        yield
        return
    earlier = rounding()
    multiply_by("bf16")
    try:
        yield
    finally:
        multiply_by(earlier)


@functools.cache
def is_faster() -> bool:
    """Check whether oneDNN multiplies faster here than MKL, and exactly; PyTorch lets us choose from 2.11 on."""
    if not hasattr(torch.cpu, "get_capabilities") or not torch.backends.mkldnn.is_available():
        return False
    found = torch.cpu.get_capabilities()
    widest = bool(found.get("avx512_f")) and not found.get("amx_tile")
    if not widest or "AMD" not in str(found.get("cpu_name")):
        return False
    earlier = rounding()
    multiply_by("bf16")
    exact = is_exact()
    multiply_by(earlier)
    return exact


def rounding() -> str:
    """Say to what oneDNN may round factors of single precision; `none` where it is not asked."""
    products = getattr(torch.backends.mkldnn, "matmul", None)  # PyTorch 2.9 and later
    return getattr(products, "fp32_precision", "none")


def multiply_by(precision: str) -> None:
    """Set to what oneDNN may round factors of single precision; with `none` it is not asked."""
    torch.backends.mkldnn.matmul.fp32_precision = precision


def is_exact() -> bool:
    """Check that a factor keeps all its 24 bits, in each form of product."""
    fine = torch.full((64, 64), 1 + torch.finfo(torch.float32).eps)
    one = torch.eye(64)
    forms: list[Tensor] = [fine @ one, one @ fine, torch.addmm(torch.zeros(64), fine, one)]
    forms += [torch.bmm(fine[None], one[None])[0], torch.nn.functional.linear(one, fine.T)]
    return all(torch.equal(form, fine) for form in forms)
