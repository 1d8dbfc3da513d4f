"""How long people wait for the next list of `recloop live` when many talk at once.

    python benchmarks/live.py --tier smoke                     # 50 people, no pause between their turns
    python benchmarks/live.py --tier quick --users 50 --study pmmir --model pmmir_transformer

It starts the page on a free port of 127.0.0.1 and lets so many people begin and talk at the same time, each to the end
of a dialogue and then in another one, nobody pausing: a person who types would. A turn is one request: the critique is
encoded, the state moves on, the pool is ranked. Prints the times of all turns, and what else the machine was doing;
status 1 where the 95th percentile is above the target.
"""

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import psutil

TARGET = 0.3  # seconds, 95th percentile of a turn
START = 180  # seconds at most until the page is there
CRITIQUE = "has a lower heel and is {colour} instead of black, without the strap"
COLOURS = ("red", "navy", "green", "tan", "white")


@contextmanager
def serving(tier: str, studies: list[str]) -> Iterator[tuple[str, psutil.Process]]:
    """Start the page on a free port and yield its address and its process.

    Args:
        tier: of the run whose models are served.
        studies: which; all of dialogues if empty.

    Raises:
        RuntimeError: it ended, or was not there in time.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "recloop",
        "live",
        *studies,
        "--tier",
        tier,
        "--port",
        str(port),
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_for(port, server)
        yield f"http://127.0.0.1:{port}", psutil.Process(server.pid)
    finally:
        server.terminate()
        server.wait(60)


def wait_for(port: int, server: subprocess.Popen) -> None:
    """Wait until somebody listens on a port."""
    end = time.monotonic() + START
    while time.monotonic() < end and server.poll() is None:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("the page is not there: see the line above, or give --tier of the run")


async def talk(session: aiohttp.ClientSession, asked: dict, turns: int, number: int) -> list[float]:
    """Talk for so many turns, in one dialogue after the other; return what each took in seconds."""
    took: list[float] = []
    while len(took) < turns:
        said = await post(session, "/dialogues", asked)
        name, lists = said["dialogue"], said["lists"]
        for turn in range(min(lists - 1, turns - len(took))):
            critique = CRITIQUE.format(colour=COLOURS[(number + turn) % len(COLOURS)])
            liked = said["shown"][turn % len(said["shown"])]["item"]
            start = time.perf_counter()
            said = await post(
                session, "/turns", {"dialogue": name, "liked": liked, "critique": critique}
            )
            took.append(time.perf_counter() - start)
    return took


async def post(session: aiohttp.ClientSession, path: str, body: dict) -> dict:
    """Ask the page; a refusal is an error."""
    async with session.post(path, json=body) as response:
        said = await response.json()
        if response.status != 200:
            raise RuntimeError(f"{path}: {said['error']}")
        return said


async def measure(
    address: str, server: psutil.Process, model: str | None, users: int, turns: int
) -> tuple[str, list[float], float, float]:
    """Let people talk; return with whom, the time of every turn, of all of it, and the server's processor time."""
    connector = aiohttp.TCPConnector(limit=users)
    async with aiohttp.ClientSession(address, connector=connector) as session:
        async with session.get("/catalogues") as response:
            first = (await response.json())["catalogues"][0]
        asked = {"catalogue": first["name"], "model": model or first["first"]}
        await talk(session, asked, 1, 0)  # loads the model
        start, worked = time.perf_counter(), sum(server.cpu_times()[:2])
        people = [talk(session, asked, turns, number) for number in range(users)]
        took = [one for person in await asyncio.gather(*people) for one in person]
        whom, worked = (
            f"{asked['model']} on {asked['catalogue']}",
            sum(server.cpu_times()[:2]) - worked,
        )
        return whom, took, time.perf_counter() - start, worked


def main() -> int:
    """Measure and print; status 1 where people wait too long."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--tier", default="quick", help="of the run whose models are served (%(default)s)"
    )
    parser.add_argument("--study", default="pmmir", help="%(default)s")
    parser.add_argument("--model", help="the study's own if left out")
    parser.add_argument("--users", type=int, default=50, help="at once (%(default)s)")
    parser.add_argument("--turns", type=int, default=18, help="of each (%(default)s)")
    options = parser.parse_args()
    before = os.getloadavg()[0]
    with serving(options.tier, [options.study]) as page:
        whom, took, seconds, worked = asyncio.run(
            measure(*page, options.model, options.users, options.turns)
        )
    cuts = statistics.quantiles(took, n=100)
    print(
        f"{whom}, tier {options.tier}: {options.users} people, {len(took):,} turns in {seconds:.1f} s"
    )
    print(
        f"a turn: median {1000 * cuts[49]:.0f} ms, 95th percentile {1000 * cuts[94]:.0f} ms, longest "
        f"{1000 * max(took):.0f} ms; target {1000 * TARGET:.0f} ms for the 95th"
    )
    print(f"the server worked {1000 * worked / len(took):.2f} ms of one processor for a turn")
    print(f"{os.cpu_count()} cores, load average {before:.1f} before the page was started")
    return int(cuts[94] > TARGET)


if __name__ == "__main__":
    sys.exit(main())
