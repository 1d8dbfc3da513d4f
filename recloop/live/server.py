"""The web page behind `recloop live`: a person picks a catalogue, says what is missing, and gets the next list.

It listens on 127.0.0.1 alone, and answers only who asks it by that name, so that no page of the network can reach it
through the person's browser. Whatever comes in is bounded; whatever goes wrong is one line without a path.
"""

import json
import logging
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from aiohttp import web

from recloop.live.catalogues import Catalogue
from recloop.live.guide import Answer, Guide, Moment
from recloop.live.together import Together
from recloop.report import dialogues, page_html
from recloop.report.recorded import thumbnail

BODY = 4096  # bytes of a request at most
CRITIQUE = 300  # characters of a sentence at most
DIALOGUES = 1000  # kept at once; who has not spoken for longest goes first
PICTURES, GUIDES = 4096, 8  # kept in memory
HERE = Path(__file__).parent
FILES = {
    "/": (HERE / "live.html", "text/html"),
    "/live.js": (HERE / "live.js", "text/javascript"),
    "/live.css": (HERE / "live.css", "text/css"),
    "/page.css": (page_html.STYLE, "text/css"),
    "/dialogues.css": (dialogues.STYLE, "text/css"),
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "recloop",
}
log = logging.getLogger(__name__)


class Refused(Exception):
    """A request that is not answered, with what to say and as which status."""

    def __init__(self, says: str, status: int = 400):
        super().__init__(says)
        self.status = status


@dataclass
class Talk:
    """One person's dialogue.

    Attributes:
        catalogue: its name.
        guide: who shows.
        moment: how far it is.
        busy: whether an answer is being heard.
    """

    catalogue: str
    guide: Guide
    moment: Moment
    busy: bool = False


class Server:
    """Answers requests about some catalogues.

    Args:
        catalogues: by name, see `recloop.live.catalogues.trained`.
        port: where it listens.
    """

    def __init__(self, catalogues: Mapping[str, Catalogue], port: int):
        self.catalogues, self.together = catalogues, Together()
        self.hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}
        self.guide = lru_cache(GUIDES)(lambda place, model: catalogues[place].openers[model]())
        self.thumbnail = lru_cache(PICTURES)(small)
        self.talks: OrderedDict[str, Talk] = OrderedDict()

    def app(self) -> web.Application:
        """Make the application."""
        app = web.Application(client_max_size=BODY, middlewares=[self.guard])
        app.router.add_get("/catalogues", self.list_catalogues)
        app.router.add_post("/dialogues", self.begin)
        app.router.add_post("/turns", self.turn)
        app.router.add_get(r"/pictures/{dialogue:[\w-]{1,64}}/{item:\d{1,9}}", self.picture)
        for place in FILES:
            app.router.add_get(place, page)
        app.on_cleanup.append(self.close)
        return app

    async def close(self, app: web.Application) -> None:
        """Let the thread end with the application."""
        self.together.close()

    @web.middleware
    async def guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Refuse what comes by another name, and turn every fault into one line without a path."""
        try:
            if request.host not in self.hosts:
                raise Refused("ask for this page as 127.0.0.1", 403)
            response = await handler(request)
        except Refused as fault:
            response = refusal(str(fault), fault.status)
        except web.HTTPException as fault:
            response = refusal(fault.reason.lower(), fault.status)
        except Exception:
            log.exception("a request failed")
            response = refusal("the server failed; its terminal says why", 500)
        response.headers.update(HEADERS)
        return response

    async def list_catalogues(self, request: web.Request) -> web.Response:
        """Say what can be talked about, and with whom."""
        found = [
            {"name": name, "title": one.title, "models": one.models, "first": one.first}
            for name, one in self.catalogues.items()
        ]
        return web.json_response({"catalogues": found, "critique": CRITIQUE})

    async def begin(self, request: web.Request) -> web.Response:
        """Begin a dialogue with a catalogue and a model."""
        asked = await read(request, {"catalogue": str, "model": str})
        place = asked["catalogue"]
        if place not in self.catalogues:
            raise Refused("there is no such catalogue", 404)
        if asked["model"] not in self.catalogues[place].models:
            raise Refused("this catalogue has no such model", 404)
        guide = await self.together.alone(self.guide, place, asked["model"])
        user = secrets.randbelow(len(guide.world.requests))
        moment = await self.together.alone(guide.begin, user)
        name = secrets.token_urlsafe(16)
        self.talks[name] = Talk(place, guide, moment)
        while len(self.talks) > DIALOGUES:
            self.talks.popitem(last=False)
        target = int(guide.world.pool.ids[moment.target])
        more = {"dialogue": name, "lists": guide.lists, "target": named(guide, target)}
        past = [named(guide, item) for item in guide.past(user)]
        return web.json_response(told(guide, moment) | more | {"past": past})

    async def turn(self, request: web.Request) -> web.Response:
        """Hear what is liked and what is missing, and show the next list."""
        asked = await read(request, {"dialogue": str, "liked": int, "critique": str})
        talk = self.talk(asked["dialogue"])
        self.talks.move_to_end(asked["dialogue"])
        answer = checked(talk, asked)
        if talk.busy:
            raise Refused("the answer before is still being heard", 409)
        talk.busy = True
        try:
            talk.moment = await self.together.call(talk.guide.turn, answer)
        finally:
            talk.busy = False
        return web.json_response(told(talk.guide, talk.moment))

    async def picture(self, request: web.Request) -> web.Response:
        """Give the picture of an item of a dialogue's catalogue, small."""
        guide = self.talk(request.match_info["dialogue"]).guide
        item = int(request.match_info["item"])
        if item >= len(guide.pictures):
            raise Refused("there is no such item", 404)
        body = await self.together.alone(self.thumbnail, guide, item)
        kept = {"Cache-Control": "private, max-age=3600"}
        return web.Response(body=body, content_type="image/webp", headers=kept)

    def talk(self, name: str) -> Talk:
        """Find a dialogue."""
        if name not in self.talks:
            raise Refused("there is no such dialogue, or it is long over: begin another one", 404)
        return self.talks[name]


async def read(request: web.Request, wanted: Mapping[str, type]) -> dict[str, Any]:
    """Read a small JSON object with just these keys.

    Raises:
        Refused: it is something else.
    """
    if request.content_type != "application/json":
        raise Refused("expected JSON", 415)
    try:
        found = json.loads(await request.read())
    except (ValueError, RecursionError):
        raise Refused("expected JSON") from None
    if not isinstance(found, dict) or set(found) != set(wanted):
        raise Refused(f"expected an object with {', '.join(wanted)}")
    for name, kind in wanted.items():
        if type(found[name]) is not kind:
            raise Refused(f"{name}: expected {'a text' if kind is str else 'a whole number'}")
    return found


def checked(talk: Talk, asked: Mapping[str, Any]) -> Answer:
    """Read an answer to the last list.

    Raises:
        Refused: nothing is said, or too much; what is liked was not shown; the dialogue is over.
    """
    critique = " ".join(asked["critique"].split())
    if not critique:
        raise Refused("say what is missing")
    if len(critique) > CRITIQUE:
        raise Refused(f"{len(critique)} characters; expected {CRITIQUE} at most")
    shown = talk.guide.items(talk.moment.shown)
    if asked["liked"] not in shown:
        raise Refused("liked: expected an item of the last list")
    if talk.moment.number >= talk.guide.lists:
        raise Refused(f"a dialogue has {talk.guide.lists} lists: begin another one", 409)
    return Answer(talk.moment, shown.index(asked["liked"]), critique)


def told(guide: Guide, moment: Moment) -> dict:
    """Describe a list to the page."""
    return {
        "number": moment.number,
        "shown": [named(guide, item) for item in guide.items(moment.shown)],
        "rank": moment.rank,
        "found": moment.found,
        "items": guide.nearest.items,
    }


def named(guide: Guide, item: int) -> dict:
    """Name an item."""
    return {"item": item, "title": guide.title(item)}


def small(guide: Guide, item: int) -> bytes:
    """Make the picture of an item small."""
    return thumbnail(guide.pictures.decoded(item))


async def page(request: web.Request) -> web.Response:
    """Give one of the files of the page."""
    file, kind = FILES[request.path]
    return web.Response(text=file.read_text(encoding="utf-8"), content_type=kind)


def refusal(says: str, status: int) -> web.Response:
    """Say in one line why a request is not answered."""
    return web.json_response({"error": says}, status=status)
