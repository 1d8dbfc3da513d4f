"""Where models are trained: PyTorch is asked, because a driver alone computes nothing."""

import functools
import glob
import os
import shutil
import subprocess
import sys

from recloop.storage.settings import SettingsError
from recloop.storage.slots import VISIBLE

QUESTION = """
import torch
try:
    torch.zeros(1, device="cuda")
    print("usable", torch.cuda.device_count())
except Exception as error:
    print(next(iter(str(error).splitlines()), type(error).__name__))
"""
USABLE = "usable "
PATIENCE = 120  # seconds for a first import of PyTorch from a slow disk


def choose(wanted: str, here: bool = True) -> tuple[str, str | None]:
    """Choose between the processor and a GPU.

    Args:
        wanted: auto, cpu or cuda.
        here: whether jobs run on this machine; a cluster's other nodes are not asked.

    Returns:
        `cpu` or `cuda`, and a line for the user where the choice may surprise.

    Raises:
        SettingsError: cuda is wanted and PyTorch cannot use it.
    """
    if wanted == "cpu" or (wanted == "cuda" and not here):
        return wanted, None
    reason = why_not()
    if wanted == "cuda" and reason:
        raise SettingsError(
            f"config.yaml: device: cuda, but PyTorch cannot use a GPU here ({reason}); write auto or cpu"
        )
    if reason and looks_present():
        return (
            "cpu",
            f"device: auto takes the processor, PyTorch cannot use the GPU here ({reason})",
        )
    return ("cpu" if reason else "cuda"), None


def looks_present() -> bool:
    """Check whether there might be a GPU, without the seconds that PyTorch takes to load."""
    return shutil.which("nvidia-smi") is not None or bool(glob.glob("/dev/nvidia[0-9]*"))


def why_not() -> str | None:
    """Find why PyTorch cannot use a GPU; None where it can."""
    return None if answer().startswith(USABLE) else answer()


def names() -> list[str]:
    """List the GPUs that jobs share, as CUDA_VISIBLE_DEVICES names them."""
    if visible := os.environ.get(VISIBLE):
        return visible.split(",")
    count = answer().removeprefix(USABLE)
    return [str(number) for number in range(int(count))]


@functools.cache
def answer() -> str:
    """Ask PyTorch in a process of its own: usable, and how many, or why not."""
    if not looks_present():
        return "there is none"
    asked = [sys.executable, "-c", QUESTION]
    try:
        found = subprocess.run(asked, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return f"no answer in {PATIENCE} seconds"
    return (found.stdout.strip() or found.stderr.strip() or "no answer").splitlines()[-1]
