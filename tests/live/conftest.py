"""Models that nobody trained behind the page, about drawn pictures with titles that would like to be scripts."""

import asyncio
import io
import socket
import threading
from zlib import crc32

import pytest
import torch

TITLE = '<img src=x onerror="window.ran = 1"> shoe'
ITEMS, DIM, USERS = 40, 8, 6
MODELS = {
    "gru": {"class": "dialogue.pmmir.PMMIR", "tracker": {"class": "dialogue.hierarchy.GRUs"}},
    "transformer": {
        "class": "dialogue.pmmir.PMMIR",
        "tracker": {"class": "dialogue.hierarchy.Transformers", "layers": 1, "heads": 2},
    },
    "gommir": {
        "class": "dialogue.gommir.GOMMIR",
        "tracker": {"class": "dialogue.tracker.TransformerTracker", "layers": 1, "heads": 2},
    },
    "rocchio": {"class": "dialogue.rocchio.Rocchio", "text": 1.0},
}


class Words:
    """Encodes a sentence as the mean of vectors that its words draw."""

    def texts(self, sentences: list[str]) -> torch.Tensor:
        return torch.stack([self.one(sentence) for sentence in sentences])

    def one(self, sentence: str) -> torch.Tensor:
        drawn = [torch.Generator().manual_seed(crc32(word.encode())) for word in sentence.split()]
        return torch.stack([torch.randn(DIM, generator=one) for one in drawn]).mean(0)


@pytest.fixture(scope="session")
def world():
    """Forty items of which the pool has every one but the first ten, and users with pasts of one to four items."""
    import polars as pl

    from recloop.data.pools import Pool, Requests, World

    features = torch.randn(ITEMS, DIM, generator=torch.Generator().manual_seed(3))
    pool = Pool(torch.arange(10, ITEMS), features[10:])
    rows = {"dialogue": range(USERS), "target": [12 + 3 * user for user in range(USERS)]}
    rows |= {"history": [list(range(1 + user % 4)) for user in range(USERS)]}
    frame = pl.DataFrame(rows)
    return World(pool, Requests.of(frame, pool), features, frame)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A catalogue with pictures and titles."""
    import polars as pl
    from PIL import Image

    from recloop.data.pictures import write_shards

    place, pictures = tmp_path_factory.mktemp("catalogue"), []
    for item in range(ITEMS):
        file = io.BytesIO()
        Image.new("RGB", (40, 40), (item * 6, 90, 200 - item * 4)).save(file, "PNG")
        pictures.append(file.getvalue())
    write_shards(pictures, place / "images")
    rows = {"item": range(ITEMS), "title": [f"{TITLE} {item}" for item in range(ITEMS)]}
    pl.DataFrame(rows).cast({"item": pl.Int32}).write_parquet(place / "items.parquet")
    return place


@pytest.fixture(scope="session")
def guide(world, folder):
    """Give a function that makes a guide with one of the models."""
    from recloop.live.guide import Guide
    from recloop.models import build

    def make(name: str):
        torch.manual_seed(1)
        small = MODELS[name] if name == "rocchio" else MODELS[name] | {"dim": DIM}
        facts = {"features": DIM, "shown": 3, "turns": 6, "items": ITEMS}
        return Guide(build(small, **facts), world, Words(), 3, 6, folder)

    return make


@pytest.fixture
def server(guide):
    """A server of one catalogue with two of the models."""
    from recloop.live.catalogues import Catalogue
    from recloop.live.server import Server

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shop = Catalogue("Shoes (stand-in: drawn)")
    shop.models, shop.first = {"gru": "PMMIR_GRU", "rocchio": TITLE}, "gru"
    shop.openers = {name: lambda name=name: guide(name) for name in shop.models}
    return Server({"mine/shoes": shop}, port)


@pytest.fixture
def served(server):
    """The address of that server, at work in a thread."""
    from aiohttp import web

    port = int(next(iter(server.hosts)).rpartition(":")[2])
    loop, runner = asyncio.new_event_loop(), web.AppRunner(server.app())

    async def start():
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()

    loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield f"http://127.0.0.1:{port}"
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
