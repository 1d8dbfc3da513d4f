"""Energy, where the machine itself counts it: processors through the kernel's RAPL counters, GPUs through NVML.

Nothing is estimated from what a chip is said to draw: what has no counter that this user may read is left out.
"""

import os
import time
from contextlib import suppress
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
BUSY = Path("/proc/stat")
COUNTED = ("package", "dram")  # domains of RAPL that hold no other one


class Meter:
    """Adds up joules from when it was made.

    Processors count for the whole machine. What they took is shared out by processor time: a process that had a third
    of all that was spent meanwhile is given a third, and the idle machine's draw with it.

    Args:
        gpu: UUID of the GPU that is the process's own, as PyTorch has it; none on a processor.
    """

    def __init__(self, gpu: str | None = None):
        self.counters = counters()
        self.gpu = gpu and gpu_counter(gpu)
        counted = {"processors": self.counters, "gpu": self.gpu}
        self.joules = {part: 0.0 for part, counter in counted.items() if counter}
        self.last = self.state()

    def state(self) -> dict:
        """Read all counters."""
        return {
            "zones": {zone: number(zone / "energy_uj") for zone in self.counters},
            "gpu": self.gpu() if self.gpu else 0.0,
            "own": time.process_time(),
            "all": busy_seconds() if self.counters else 0.0,
        }

    def read(self) -> dict[str, float]:
        """Return the joules so far, of `processors` and of the `gpu`, each where it is counted.

        RAPL's counters start again at zero after some hundred thousand joules: to be read at least that often.
        """
        before, now = self.last, self.state()
        self.last = now
        if self.counters:
            spent = now["all"] - before["all"]
            share = min(1.0, (now["own"] - before["own"]) / spent) if spent > 0 else 0.0
            self.joules["processors"] += share * sum(
                (now["zones"][zone] - before["zones"][zone]) % most / 1e6
                for zone, most in self.counters.items()
            )
        if self.gpu:
            self.joules["gpu"] += now["gpu"] - before["gpu"]
        return dict(self.joules)


def counters() -> dict[Path, int]:
    """Find RAPL's domains that this user may read, each with the number of microjoules after which it starts again."""
    found = {}
    for zone in sorted(POWERCAP.glob("intel-rapl*:*")):  # AMD's processors too
        with suppress(OSError, ValueError):
            if (zone / "name").read_text().startswith(COUNTED):
                number(zone / "energy_uj")
                found[zone] = number(zone / "max_energy_range_uj") + 1
    return found


def number(file: Path) -> int:
    """Read a counter."""
    return int(file.read_text())


def busy_seconds() -> float:
    """Return the processor time of everybody on this machine since it was started."""
    user, nice, system, _, _, irq, softirq = map(int, BUSY.read_text().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def gpu_counter(uuid: str):
    """Return a function that reads the joules of a GPU since its driver was loaded; none where it does not count."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}")
        pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except pynvml.NVMLError:  # an older GPU, or a part of one
        return None
    return lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000
