"""Somebody else's model behind an address that speaks as OpenAI's does: one setting, and no package more.

The key is read from an environment variable when a prompt is sent, travels in a header to that one address and is
written nowhere: no redirect is followed, and no error repeats what was sent.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from recloop.language_models.answers import Answer
from recloop.language_models.decoding import Decoding

BUSY = {408, 409, 425, 429, 500, 502, 503, 504}  # worth another try
LARGEST = 1 << 22  # bytes of a reply that are read
LETTERS = 4  # of a token, about
HOME = {"localhost", "127.0.0.1", "::1"}


class ProviderError(RuntimeError):
    """A provider did not answer, or not as it should."""


class Nonsense(ValueError):
    """A reply that is no answer."""


@dataclass(frozen=True)
class Provider:
    """One who answers over the network.

    Attributes:
        address: up to the version, e.g. https://api.example.com/v1.
        name: of the model there.
        key: environment variable that holds the key; None where none is needed.
        timeout: seconds without a byte.
        tries: per prompt.
        pause: seconds before the second try, doubled each time.
    """

    address: str
    name: str
    key: str | None = "RECLOOP_PROVIDER_KEY"
    timeout: float = 60.0
    tries: int = 4
    pause: float = 1.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.address)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise ProviderError(
                f"provider: address {parts._replace(netloc=parts.hostname or '').geturl()!r}: expected one like "
                "https://api.example.com/v1, without a name or password in it"
            )
        if self.key and parts.scheme == "http" and parts.hostname not in HOME:
            raise ProviderError(
                f"provider: {self.address}: a key would travel unencrypted; use https, or say key: null"
            )
        if self.tries < 1 or self.timeout <= 0:
            raise ProviderError(
                f"provider: expected tries of at least 1 and a timeout above 0, got {self.tries} and {self.timeout}"
            )

    @property
    def revision(self) -> str:
        """Name the model; what a provider does behind a name may change, which is why answers are kept."""
        return f"{self.name} at {self.address}"

    def count(self, prompts: list[str], decoding: Decoding) -> list[int]:
        """Guess the tokens of prompts by their letters."""
        return [-(-len(prompt) // LETTERS) for prompt in prompts]

    def answers(self, prompts: list[str], decoding: Decoding) -> Iterator[dict[int, Answer]]:
        """Answer one prompt after the other.

        Raises:
            ProviderError: no answer after some tries, or a refusal that no try can change.
        """
        for place, prompt in enumerate(prompts):
            started = time.monotonic()
            text, asked, tokens = self.ask(prompt, decoding)
            yield {place: Answer(text, tokens, time.monotonic() - started, asked)}

    def ask(self, prompt: str, decoding: Decoding) -> tuple[str, int, int]:
        """Send a prompt until it is answered; give the text, the tokens asked and said."""
        body = json.dumps(self.request(prompt, decoding)).encode()
        faults = []
        for trial in range(self.tries):
            if trial:
                time.sleep(self.pause * 2 ** (trial - 1))
            try:
                status, reply = self.post(body)
                if status == 200:
                    return read(reply, prompt)
                fault = f"status {status}"
            except (OSError, http.client.HTTPException, Nonsense) as error:
                if isinstance(error, ssl.SSLCertVerificationError):
                    raise ProviderError(f"{self.address}: {error.verify_message}") from None
                status, fault = None, str(error) or type(error).__name__
            if status is not None and status not in BUSY:
                raise ProviderError(self.refusal(status))
            faults.append(fault)
        raise ProviderError(
            f"{self.address}: no answer from {self.name} in {self.tries} tries ({'; '.join(dict.fromkeys(faults))}); "
            "what was answered is kept: run again to go on, or raise timeout or tries"
        )

    def request(self, prompt: str, decoding: Decoding) -> dict:
        """Write the request of one prompt."""
        return {
            "model": self.name,
            "messages": [{"role": "user", "content": prompt}],
            "max_tokens": decoding.max_tokens,
            "temperature": decoding.temperature,
            "top_p": decoding.top_p,
            "seed": decoding.seed,
        }

    def refusal(self, status: int) -> str:
        """Explain a status that another try would not change."""
        if status in (401, 403):
            given = "the key of" if self.key else "no key: name one with"
            return f"{self.address}: refused (status {status}) {given} the variable {self.key}"
        if 300 <= status < 400:
            return f"{self.address}: sends elsewhere (status {status}), which is not followed; name the new address"
        return (
            f"{self.address}: refused (status {status}) the request for model {self.name!r}; look at the address, the "
            "model's name and the decoding"
        )

    def post(self, body: bytes) -> tuple[int, bytes]:
        """Send one request and read its reply."""
        parts = urlsplit(self.address)
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        line = kind(parts.hostname, parts.port, timeout=self.timeout)
        try:
            line.request("POST", f"{parts.path.rstrip('/')}/chat/completions", body, self.headers())
            reply = line.getresponse()
            return reply.status, reply.read(LARGEST)
        finally:
            line.close()

    def headers(self) -> dict[str, str]:
        """Write the headers, the key among them.

        Raises:
            ProviderError: the variable is not set.
        """
        found = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.key:
            secret = os.environ.get(self.key, "").strip()
            if not secret or not secret.isprintable() or not secret.isascii():
                raise ProviderError(
                    f"{self.address}: expected a key in the environment variable {self.key}, found "
                    f"{'none' if not secret else 'no plain text'}; export it, or say key: null"
                )
            found["Authorization"] = f"Bearer {secret}"
        return found


def read(reply: bytes, prompt: str) -> tuple[str, int, int]:
    """Take the answer out of a reply; tokens that it does not count are guessed.

    Raises:
        Nonsense: it is no JSON, or has no text where the answer should be.
    """
    try:
        content = json.loads(reply)
        text = content["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError):
        raise Nonsense(f"a reply of {len(reply)} bytes that is no answer") from None
    if not isinstance(text, str):
        raise Nonsense("an answer without text")
    usage = content.get("usage")
    counts = [usage.get(name) if isinstance(usage, dict) else None for name in COUNTS]
    sizes = [-(-len(one) // LETTERS) for one in (prompt, text)]
    asked, said = (
        count if isinstance(count, int) and count >= 0 else size
        for count, size in zip(counts, sizes, strict=True)
    )
    return text, asked, said


COUNTS = ("prompt_tokens", "completion_tokens")
