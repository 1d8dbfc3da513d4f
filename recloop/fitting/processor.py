"""How a job uses the processor: its threads, which library multiplies matrices, and what becomes of freed memory.

PyTorch leaves products in single precision to MKL, which uses no AVX-512 on processors of AMD: 109 GFLOP/s on a core
where oneDNN, which comes with PyTorch too, reaches 245 (benchmarks/README.md). oneDNN takes such products only where it
may round their factors to 16 bits, which it does on processors with tiles (AMX) and nowhere else.

What is freed goes back to the system from a size on, and the next tensor is made of new pages, which cost more than the
sums that fill it; here it waits for its next use, so that a process may keep as much as it ever had.
"""

import ctypes

import torch
from torch import Tensor

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of mallopt(3), in glibc
WAITING, LARGEST = 1 << 28, 1 << 25  # bytes; glibc takes no larger one for the second


def use(threads: int | None) -> None:
    """Take some threads of the processor (None leaves PyTorch's choice), and what is faster here."""
    if threads:
        torch.set_num_threads(threads)
    keep_memory()
    if is_faster():
        multiply_by("bf16")
        if not is_exact():
            multiply_by("none")


def keep_memory() -> None:
    """Let freed memory wait for its next use, where the C library can."""
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(M_MMAP_THRESHOLD, LARGEST)
        library.mallopt(M_TRIM_THRESHOLD, WAITING)


def is_faster() -> bool:
    """Check whether oneDNN multiplies faster here than MKL, and without tiles, and PyTorch (2.11) lets us choose."""
    if not hasattr(torch.cpu, "get_capabilities"):
        return False
    found = torch.cpu.get_capabilities()
    wide = bool(found.get("avx512_f")) and not found.get("amx_tile")
    return wide and "AMD" in str(found.get("cpu_name")) and torch.backends.mkldnn.is_available()


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
