"""The page: a dialogue by hand in a browser; what is wrong is refused in one line that names no path."""

import asyncio
import json

import pytest

pytest.importorskip("aiohttp")


def visit(server, work):
    """Run `work(client)` against a server."""
    from aiohttp.test_utils import TestClient, TestServer

    async def through():
        port = int(next(iter(server.hosts)).rpartition(":")[2])
        async with TestClient(TestServer(server.app(), port=port)) as client:
            return await work(client)

    return asyncio.run(through())


async def post(client, path, body, **more):
    response = await client.post(path, json=body, **more)
    return response.status, await response.json()


def test_a_dialogue_goes_to_its_end(server):
    async def work(client):
        _, said = await post(client, "/dialogues", {"catalogue": "mine/shoes", "model": "gru"})
        lists = [said]
        for _ in range(said["lists"] - 1):
            liked = lists[-1]["shown"][1]["item"]
            answer = {"dialogue": said["dialogue"], "liked": liked, "critique": " is  red\n"}
            status, following = await post(client, "/turns", answer)
            assert status == 200
            lists.append(following)
        last = lists[-1]["shown"][0]["item"]
        again = {"dialogue": said["dialogue"], "liked": last, "critique": "more"}
        picture = await client.get(f"/pictures/{said['dialogue']}/{last}")
        assert (await picture.read())[8:12] == b"WEBP"
        return lists, await post(client, "/turns", again)

    lists, (status, refused) = visit(server, work)
    shown = [one["item"] for said in lists for one in said["shown"]]
    assert len(set(shown)) == len(shown) == 18
    assert [said["number"] for said in lists] == [1, 2, 3, 4, 5, 6]
    assert (status, refused) == (409, {"error": "a dialogue has 6 lists: begin another one"})


def test_what_is_wrong_is_refused_in_one_line(server):
    async def work(client):
        _, said = await post(client, "/dialogues", {"catalogue": "mine/shoes", "model": "rocchio"})
        name, liked = said["dialogue"], said["shown"][0]["item"]
        good = {"dialogue": name, "liked": liked, "critique": "is red"}
        tried = [
            await post(client, "/dialogues", {"catalogue": "../etc/passwd", "model": "gru"}),
            await post(client, "/dialogues", {"catalogue": "mine/shoes", "model": "x" * 50}),
            await post(client, "/dialogues", {"catalogue": 3, "model": "gru"}),
            await post(client, "/dialogues", ["mine/shoes"]),
            await post(client, "/turns", good | {"dialogue": "nobody"}),
            await post(client, "/turns", good | {"liked": 0}),
            await post(client, "/turns", good | {"liked": True}),
            await post(client, "/turns", good | {"liked": 10**30}),
            await post(client, "/turns", good | {"critique": " \n"}),
            await post(client, "/turns", good | {"critique": "red " * 100}),
            await post(client, "/turns", good | {"critique": "x" * 10_000}),
            await post(client, "/turns", good | {"more": 1}),
            await post(client, "/turns", good, headers={"Host": "evil.example"}),
        ]
        raw = [
            await client.post(
                "/turns", data=json.dumps(good), headers={"Content-Type": "text/plain"}
            ),
            await client.post(
                "/turns", data="[" * 4000, headers={"Content-Type": "application/json"}
            ),
            await client.get("/turns"),
            await client.get(f"/pictures/{name}/999999"),
            await client.get("/pictures/..%2f..%2fetc%2fpasswd/1"),
            await client.get("/etc/passwd"),
        ]
        tried += [(one.status, await one.json()) for one in raw]
        assert (await post(client, "/turns", good))[0] == 200  # nothing of it did harm
        return tried

    tried = visit(server, work)
    statuses = [
        404,
        404,
        400,
        400,
        404,
        400,
        400,
        400,
        400,
        400,
        413,
        400,
        403,
        415,
        400,
        405,
        404,
        404,
        404,
    ]
    assert [status for status, _ in tried] == statuses
    for _, said in tried:
        (line,) = said.values()
        assert set(said) == {"error"} and line and "\n" not in line and "/" not in line, line


def test_a_fault_inside_names_no_path_and_the_next_one_is_served(server, monkeypatch, caplog):
    def broken(place, model):
        raise FileNotFoundError("/secret/place")

    async def work(client):
        asked = {"catalogue": "mine/shoes", "model": "gru"}
        with monkeypatch.context() as patch:
            patch.setattr(server, "guide", broken)
            first = await post(client, "/dialogues", asked)
        return first, (await post(client, "/dialogues", asked))[0]

    first, second = visit(server, work)
    assert first == (500, {"error": "the server failed; its terminal says why"}) and second == 200
    assert "/secret/place" in caplog.text


def test_who_has_not_spoken_for_longest_makes_room(server, monkeypatch):
    from recloop.live import server as module

    monkeypatch.setattr(module, "DIALOGUES", 2)

    async def work(client):
        asked = {"catalogue": "mine/shoes", "model": "rocchio"}
        return [(await post(client, "/dialogues", asked))[1]["dialogue"] for _ in range(3)]

    assert list(server.talks) != (names := visit(server, work))
    assert list(server.talks) == names[1:]


@pytest.mark.xdist_group("browser")
@pytest.mark.parametrize("phone", [False, True])
def test_a_person_talks_to_a_model_with_the_keyboard(served, browser, phone):
    page = browser(served, phone=phone)
    page.wait("document.getElementById('model').value === 'gru'")
    page.run("document.querySelector('#start button').focus()")
    page.press("Enter")
    page.wait("document.querySelectorAll('#shown img').length === 3")
    assert page.run("document.activeElement.id") == "now"
    page.press("Tab")
    page.press(" ")
    page.press("Tab")
    page.write("<b>is red</b>")
    page.press("Tab")
    page.press("Enter")
    page.wait("document.getElementById('now').textContent === 'List 2 of 6'")
    assert page.run("document.querySelector('#turns blockquote').textContent") == "<b>is red</b>"
    assert page.run("document.querySelectorAll('#turns .liked').length") == 1
    titles = page.run("[...document.querySelectorAll('#shown span')].map((one) => one.textContent)")
    assert all(title.startswith("<img src=x") for title in titles)
    page.wait(
        "[...document.images].every((one) => one.hasAttribute('alt') && one.naturalWidth > 0)"
    )
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    assert page.run("window.ran === undefined") and page.faults == []
    assert {one.startswith(served) or one.startswith("data:") for one in page.asked} == {True}
