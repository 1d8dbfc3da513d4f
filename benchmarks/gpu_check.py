"""Look at all that a GPU does here, in at most eight minutes; prints a table to paste and writes the numbers as JSON.

    make gpu-check                                       # on a machine with a GPU
    python benchmarks/gpu_check.py --device cpu          # the same parts at small size
    python benchmarks/gpu_check.py --parts loss encode

Parts: `machine`, `loss` (the cross-entropy over a catalogue, in chunks), `encode`, `loops` (every way of training, with
the lines where an update waits for the device, benchmarks/gpu_loops.py) and `efficiency` (benchmarks/efficiency.py).
Each is a process of its own with a limit of its own, a share of `--minutes`; one that fails is a row, and status 1 in
the end.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from recloop.plan import device as devices
from recloop.storage.files import write_json

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[1]
MINUTES = 8
NO_GPU = 2  # exit code: nothing was tried
SHARES = {
    "machine": 0.1,
    "loss": 0.1,
    "encode": 0.2,
    "loops": 0.75,
    "efficiency": 0.35,
}  # at most, of the minutes
FEW_WAITS = 0.1  # a look at the losses now and then is no wait of every update
ENCODE = {  # options of benchmarks/encoding.py
    "cuda": "--class clip.CLIP --pictures 4000 --batch 512 --workers 8 --device cuda",
    "cpu": "--pictures 40 --batch 20",
}
EFFICIENCY = {  # of benchmarks/efficiency.py
    "cuda": "--device cuda --batch 32 --updates 3 --bfloat16",
    "cpu": "--words bert-tiny --pictures vit-tiny --image 32 --batch 1 --methods fft iisan",
}
LOSS = {"cuda": (70_852, 16_384), "cpu": (5_000, 2_000)}  # items of LFM-1b's tracks, rows
DIM = 64
MIB = 1 << 20

Rows = list[dict]  # name, result, seconds; ok


# -- parts that compute here -------------------------------------------------------------------------------------------


def machine(device: str) -> Rows:
    """Name the device and measure a product on it."""
    import torch
    from encoding import matrix_rate

    size = 8192 if device == "cuda" else 256
    rate = matrix_rate(torch.device(device), size)
    name = torch.cuda.get_device_name() if device == "cuda" else "processor"
    says = f"{name}, torch {torch.__version__}; {rate / 1e12:,.2f} TFLOP/s in bfloat16"
    return [{"name": "machine", "result": says, "matrix_rate": rate}]


def encode(device: str) -> Rows:
    """Encode pictures as the rule does."""
    import encoding

    given = encoding.options().parse_args(ENCODE[device].split())
    with tempfile.TemporaryDirectory() as folder:
        found = encoding.measure(given, Path(folder))
    says = f"{found['encoded']:,.0f} pictures/s, {found['encoded'] / found['bare']:.0%} of the bare pass"
    says += f", {found['used']:.0%} of the matrix rate" if "used" in found else ""
    return [{"name": "encode", "result": says} | found]


def loss(device: str) -> Rows:
    """Take the gradient of the loss over a catalogue, in chunks and plainly; memory beside what goes in and out."""
    found = {name: gradient(device, name) for name in ("chunked", "plain")}
    ratio = found["chunked"]["memory"] / max(found["plain"]["memory"], 1)
    each = (f"{name} {one['memory']:,.0f} MiB, {one['ms']:.1f} ms" for name, one in found.items())
    items, rows = LOSS[device]
    says = f"{', '.join(each)}: {ratio:.0%} of the memory"
    return [{"name": f"loss, {rows:,} rows of {items:,} items", "result": says} | found]


def gradient(device: str, name: str) -> dict[str, float]:
    """Take one of the two gradients some times; return MiB and the milliseconds of the fastest."""
    import torch
    from torch.nn.functional import cross_entropy

    from recloop.models.catalogue import Catalogue
    from recloop.training.costs import Costs

    torch.manual_seed(1)
    items, rows = LOSS[device]
    layer = Catalogue(DIM, items).to(device)
    states = torch.randn(rows, DIM, device=device, requires_grad=True)
    targets = torch.randint(items, (rows,)).to(device)
    layer.loss(states[:2], targets[:2]).backward()  # gradients have their place, kernels are loaded
    costs = Costs(device)
    for _ in range(4):
        costs.begin()
        plain = name == "plain"
        value = cross_entropy(layer(states), targets) if plain else layer.loss(states, targets)
        value.backward()
        costs.end()
    costs.mark()
    return {"memory": costs.peak, "ms": 1000 * min(costs.seconds)}


# -- parts that are programs -------------------------------------------------------------------------------------------


def efficiency(device: str) -> Rows:
    """Run the benchmark and keep its table."""
    with tempfile.TemporaryDirectory() as folder:
        numbers = Path(folder) / "found.json"
        command = [sys.executable, str(HERE / "efficiency.py"), "--json", str(numbers)]
        done = subprocess.run(
            [*command, *EFFICIENCY[device].split()], check=True, stdout=subprocess.PIPE, text=True
        )
        found = json.loads(numbers.read_text())
    says = f"cached IISAN takes {found['iisan']['seconds'] / found['fft']['seconds']:.1%} of the time of FFT and "
    says += f"{found['iisan']['memory'] / max(found['fft']['memory'], 1):.1%} of its memory"
    return [{"name": "efficiency", "result": says, "table": done.stdout, "methods": found}]


def loops(device: str, names: list[str]) -> Rows:
    """Train and rank one run of each loop in a copy of the project."""
    from gpu_loops import studies_of
    from kills import Copy

    own = [sys.executable, str(HERE / "gpu_loops.py"), "--device", device, "--names", *names]
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(Path(folder) / "copy", studies_of(names))
        given = {"cwd": copy.root, "env": copy.environment, "stdout": subprocess.PIPE, "text": True}
        files = json.loads(subprocess.run([*own, "--inputs"], check=True, **given).stdout)
        cores = str(len(os.sched_getaffinity(0)))
        if files:
            copy.finish(copy.start("--cores", cores, "--", *files))
        with subprocess.Popen(own, **given) as process:
            for line in process.stdout:
                print(json.dumps([row_of(json.loads(line))]), flush=True)
            if process.wait():
                raise SystemExit(f"gpu_loops.py ended with {process.returncode}")
    return []


def row_of(found: dict) -> dict:
    """Describe one training."""
    if "failed" in found:
        return found | {"result": found["failed"], "ok": False}
    says, waits = f"{found['updates']} updates", found["waits"]
    if waits is not None:
        says += f", {waits:.1f} waits each" if waits >= FEW_WAITS else ", none waits"
        says += "".join(f"; {line}" for line in found["where"] if waits >= FEW_WAITS)
    return found | {"result": says, "ok": found["updates"] > 0}


# -- all of it ---------------------------------------------------------------------------------------------------------

PARTS: dict[str, Callable[..., Rows]] = {
    "machine": machine,
    "loss": loss,
    "encode": encode,
    "loops": loops,
    "efficiency": efficiency,
}


def run(part: str, given: argparse.Namespace, limit: float) -> Rows:
    """Run a part as a process; return its rows, and one more where it fails or is over its time."""
    command = [sys.executable, __file__, "--device", given.device, "--one", part]
    command += ["--loops", *given.loops] if given.loops else []
    started = time.monotonic()
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,  # also of a killed part
        tempfile.TemporaryFile("w+") as said,
        tempfile.TemporaryFile("w+") as errors,
    ):
        environment = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": folder}
        process = subprocess.Popen(
            command, stdout=said, stderr=errors, env=environment, start_new_session=True
        )
        try:
            code = process.wait(max(limit, 0))
            fault = f"ended with {code}: {last(errors)}" if code else None
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
            fault = f"over its {limit:.0f} seconds"
        said.seek(0)
        rows = [one for line in said if line.startswith("[") for one in json.loads(line)]
    took = time.monotonic() - started
    rows = [{"part": part, "seconds": took, "ok": True} | one for one in rows]
    print(f"{part}: {took:.0f} s{f', {fault}' if fault else ''}", file=sys.stderr, flush=True)
    return rows + (
        [{"part": part, "name": part, "result": fault, "seconds": took, "ok": False}]
        if fault
        else []
    )


def last(errors: object) -> str:
    """Return the last line of what a process said of its fault."""
    errors.seek(0)
    return next((line.strip() for line in reversed(errors.readlines()) if line.strip()), "")[:200]


def show(rows: Rows) -> None:
    """Print the table, and those that parts have."""
    print("| check | result | seconds | |\n| --- | --- | --: | --- |")
    for one in rows:
        sign = "ok" if one["ok"] else "✘"
        print(f"| {one['name']} | {one['result']} | {one['seconds']:.1f} | {sign} |")
    for one in rows:
        if "table" in one:
            print(f"\n{one['table']}", end="")


def main() -> int:
    """Read the command line; status 1 where a row is not ok, 2 where there is no GPU."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cuda", choices=("cpu", "cuda"))
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=list(PARTS))
    parser.add_argument("--loops", nargs="+", help="some of the trainings of gpu_loops.py")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="in all (%(default)s)")
    parser.add_argument("--output", type=Path, default=ROOT / "results/own/gpu_check.json")
    parser.add_argument("--one", choices=list(PARTS), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(part_of(given)))
        return 0
    if given.device == "cuda" and (reason := devices.why_not()):
        print(
            f"gpu_check: PyTorch cannot use a GPU here ({reason}); --device cpu runs the parts at small size"
        )
        return NO_GPU
    whole, rows = 60 * given.minutes, []
    end = time.monotonic() + whole
    for part in given.parts:
        rows += run(part, given, min(SHARES[part] * whole, end - time.monotonic()))
    show(rows)
    write_json(given.output, {"device": given.device, "rows": rows})
    good, took = sum(one["ok"] for one in rows), whole - (end - time.monotonic())
    print(f"\n{good} of {len(rows)} checks of {given.device} are ok, in {took:.0f} s")
    return int(good < len(rows))


def part_of(given: argparse.Namespace) -> Rows:
    """Do one part."""
    if given.one != "loops":
        return PARTS[given.one](given.device)
    from gpu_loops import RUNS, SHARED

    return loops(given.device, given.loops or [*RUNS, *SHARED])


if __name__ == "__main__":
    sys.exit(main())
