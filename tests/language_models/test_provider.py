"""A provider that is slow, refuses, answers nonsense or sends elsewhere; and the key, which is written nowhere."""

import contextlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from recloop.language_models.answers import Answers
from recloop.language_models.asking import ask, open_speaker
from recloop.language_models.decoding import Decoding
from recloop.language_models.provider import Provider, ProviderError
from recloop.storage.settings import SettingsError

KEY = "sk-not-a-real-key-1234"
GREEDY = Decoding(max_tokens=5)


def right(text="first", **usage):
    reply = {"choices": [{"message": {"role": "assistant", "content": text}}]}
    return 200, json.dumps(reply | ({"usage": usage} if usage else {})).encode()


class Handler(BaseHTTPRequestHandler):
    """Replies with what the test has prepared, one after the other, the last one for ever."""

    def do_POST(self):
        server = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server.seen.append((self.path, dict(self.headers), json.loads(body)))
        reply = server.replies[min(len(server.seen), len(server.replies)) - 1]
        if reply == "slow":
            time.sleep(0.5)
            reply = right()
        if reply == "hangs up":
            self.close_connection = True
            return
        status, content = reply
        self.send_response(status)
        if status == 302:
            self.send_header("Location", f"http://127.0.0.1:{server.server_port}/elsewhere")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with contextlib.suppress(BrokenPipeError):
            self.wfile.write(content)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    """Give a function that prepares replies; it returns the server and a provider that asks it."""
    open_ones = []

    def start(*replies, **settings):
        it = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        it.daemon_threads, it.replies, it.seen = True, replies, []
        threading.Thread(target=it.serve_forever, args=(0.01,), daemon=True).start()
        open_ones.append(it)
        given = {"key": None, "pause": 0.001, "timeout": 5.0, "tries": 3} | settings
        return it, Provider(f"http://127.0.0.1:{it.server_port}/v1", "some-model", **given)

    yield start
    for it in open_ones:
        it.shutdown()
        it.server_close()


def one(provider, prompt="which one?"):
    ((_, answer),) = next(iter(provider.answers([prompt], GREEDY))).items()
    return answer


def test_the_request_is_that_of_the_interface(server):
    it, provider = server(right("first", prompt_tokens=7, completion_tokens=2))
    answer = one(provider)
    assert (answer.text, answer.asked, answer.tokens) == ("first", 7, 2)
    ((path, headers, body),) = it.seen
    assert path == "/v1/chat/completions"
    assert "Authorization" not in headers
    assert body == {
        "model": "some-model",
        "messages": [{"role": "user", "content": "which one?"}],
        "max_tokens": 5,
        "temperature": 0.0,
        "top_p": 1.0,
        "seed": 0,
    }


def test_tokens_that_are_not_counted_are_guessed(server):
    answer = one(server(right("a long answer"))[1])
    assert (answer.asked, answer.tokens) == (3, 4)


@pytest.mark.parametrize(
    "trouble",
    [
        (429, b"slow down"),
        (503, b""),
        (200, b"<html>not JSON"),
        (200, b'{"choices": []}'),
        (200, b'{"choices": [{"message": {"content": null}}]}'),
        (200, b"[1, 2]"),
        "hangs up",
    ],
)
def test_trouble_is_tried_again_and_bounded(server, trouble):
    it, provider = server(trouble, right())
    assert one(provider).text == "first"
    assert len(it.seen) == 2
    it, provider = server(trouble)
    with pytest.raises(ProviderError, match=r"no answer from some-model in 3 tries .* run again"):
        one(provider)
    assert len(it.seen) == 3


def test_a_slow_provider_is_not_waited_for(server):
    it, provider = server("slow", right("quick"), timeout=0.1)
    assert one(provider).text == "quick"
    assert len(it.seen) == 2


def test_a_server_that_is_not_there(server):
    it, provider = server(right())
    it.shutdown()
    it.server_close()
    with pytest.raises(ProviderError, match="refused"):
        one(provider)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "look at the address, the model's name and the decoding"),
        (401, r"refused \(status 401\) no key: name one"),
        (404, "status 404"),
        (302, "sends elsewhere .* not followed"),
    ],
)
def test_a_refusal_is_not_tried_again(server, status, message):
    it, provider = server((status, KEY.encode()))
    with pytest.raises(ProviderError, match=message) as error:
        one(provider)
    assert len(it.seen) == 1
    assert KEY not in str(error.value)


def test_one_setting_names_a_provider(server, saved):
    _, provider = server(right())
    place = {"address": provider.address, "name": "some-model", "key": None}
    speaker = open_speaker({"name": "x/y", "revision": "c" * 40, "provider": place})
    assert speaker.revision == f"some-model at {provider.address}"
    assert one(speaker).text == "first"
    with pytest.raises(SettingsError, match=r"provider: unknown 'adress'; did you mean 'address'"):
        open_speaker({"provider": {"adress": "https://example.com"}})
    with pytest.raises(SettingsError, match=r"provider: lacks 'name'"):
        open_speaker({"provider": {"address": "https://example.com"}})
    assert open_speaker({}, saved["llama"]).revision.endswith(" float32")


# -- the key -----------------------------------------------------------------------------------------------------------


def test_the_key_is_sent_and_written_nowhere(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MY_KEY", KEY)
    it, provider = server(right(), key="MY_KEY")
    record = Answers(tmp_path, provider.revision)
    ask(provider, ["p", "q"], GREEDY, record)
    assert [headers["Authorization"] for _, headers, _ in it.seen] == [f"Bearer {KEY}"] * 2
    assert KEY not in record.path.read_text() + repr(provider) + capsys.readouterr().out
    it.replies = [(401, b"")]
    with pytest.raises(ProviderError, match="the key of the variable MY_KEY") as error:
        one(provider)
    assert KEY not in str(error.value)


@pytest.mark.parametrize("value", [None, "", "two\nlines"])
def test_a_missing_key_is_named_before_anything_is_sent(server, monkeypatch, value):
    it, provider = server(right(), key="MY_KEY")
    monkeypatch.delenv("MY_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("MY_KEY", value)
    with pytest.raises(ProviderError, match="a key in the environment variable MY_KEY, found no"):
        one(provider)
    assert it.seen == []


def test_addresses_that_would_betray_the_key_are_refused():
    with pytest.raises(ProviderError, match="a key would travel unencrypted"):
        Provider("http://api.example.com/v1", "m")
    with_key = "https://me:secret@example.com/v1"  # pragma: allowlist secret
    for address in ("api.example.com", "ftp://example.com", with_key):
        with pytest.raises(ProviderError, match="expected one like https") as error:
            Provider(address, "m")
        assert "secret" not in str(error.value)
    Provider("https://api.example.com/v1", "m")


# -- record ------------------------------------------------------------------------------------------------------------


def test_what_was_answered_before_it_broke_down_is_not_asked_again(server, tmp_path):
    it, provider = server(right("one"), right("two"), (500, b""))
    record = Answers(tmp_path, provider.revision)
    with pytest.raises(ProviderError):
        ask(provider, ["a", "b", "c"], GREEDY, record, lambda line: None)
    it.replies = [right("three")]
    again = Answers(tmp_path, provider.revision)
    found = ask(provider, ["a", "b", "c"], GREEDY, again, lambda line: None)
    assert [answer.text for answer in found] == ["one", "two", "three"]
    assert [body["messages"][0]["content"] for _, _, body in it.seen] == [
        "a",
        "b",
        "c",
        "c",
        "c",
        "c",
    ]
