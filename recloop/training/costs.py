"""What an epoch of a training takes: seconds, and the most memory beyond what was there before the model."""

import ctypes
import gc
import time
from pathlib import Path

import torch

STATUS = Path("/proc/self/status")
MIB = 1 << 20


class Costs:
    """A clock for updates and a mark for memory; validation and ranking do not count.

    On a GPU memory is what PyTorch allocated. On a processor it is what the process had in memory at most, without
    mapped files, less what it had when this was made: before the model, after its data.

    Args:
        device: cpu or cuda.
    """

    def __init__(self, device: torch.device | str):
        self.device = torch.device(device)
        self.known: list[float] = []
        self.marks: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []
        self.peak: float | None = None
        self.started: float | torch.cuda.Event | None = None
        self.before = self.reset()

    def reset(self) -> float:
        """Let go of what is no longer used and look for the most memory anew; return what is in use, in MiB."""
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
            return torch.cuda.memory_allocated() / MIB
        if not STATUS.exists():
            return 0.0
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
        return status("RssAnon")

    def begin(self) -> None:
        """Start the clock of an update, unless it runs."""
        if self.started is None:
            self.started = self.mark_of_time()

    def end(self) -> None:
        """Stop the clock of an update; on a GPU nobody waits for it."""
        end, started, self.started = self.mark_of_time(), self.started, None
        if self.device.type == "cuda":
            self.marks.append((started, end))
        else:
            self.known.append(end - started)

    def mark_of_time(self) -> float | torch.cuda.Event:
        """Read the clock, or let the GPU take down when it gets here."""
        if self.device.type != "cuda":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    @property
    def seconds(self) -> list[float]:
        """The seconds of every update so far; waits for a GPU."""
        for started, end in self.marks:
            end.synchronize()
            self.known.append(started.elapsed_time(end) / 1000)
        self.marks.clear()
        return self.known

    @seconds.setter
    def seconds(self, known: list[float]) -> None:
        self.known = known
        self.marks.clear()

    def mark(self) -> None:
        """Note the most memory so far, unless it is noted already."""
        if self.peak is None:
            self.peak = max(0.0, self.most() - self.before)

    def most(self) -> float:
        """Return the most memory since the reset, in MiB."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated() / MIB
        return status("VmHWM") - status("RssFile") - status("RssShmem") if STATUS.exists() else 0.0

    def epoch(self, updates: int) -> float:
        """Return the seconds of an epoch, from the updates after the first epoch where there are any."""
        later = sorted(self.seconds[updates:] or self.seconds)
        return updates * later[len(later) // 2] if later else 0.0


def status(name: str) -> float:
    """Read a line of the process's status, in MiB; 0 where the system does not say."""
    for line in STATUS.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    return 0.0
