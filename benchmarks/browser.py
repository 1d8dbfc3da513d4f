"""A headless Chromium, driven by its own protocol: pages are opened, clicked through and looked at, and faults kept.

Needs a Chromium on this machine and aiohttp; nothing is downloaded, and nothing but what is opened is asked for.
"""

import asyncio
import base64
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "no-first-run")
QUIET += ("disable-background-networking", "disable-extensions", "force-color-profile=srgb")
DESKTOP, PHONE = (1280, 900), (390, 844)
PATIENCE = 60  # seconds for anything
KEYS = {"Tab": 9, "Enter": 13, " ": 32, "End": 35, "Home": 36}
KEYS |= {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}


def binary() -> str | None:
    """Find a Chromium on this machine."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One Chromium with a profile of its own, which is gone with it.

    Args:
        path: the program.
    """

    def __init__(self, path: str):
        self.profile = Path(tempfile.mkdtemp(prefix="browser-"))
        given = [f"--{one}" for one in QUIET]
        given += ["--remote-debugging-port=0", f"--user-data-dir={self.profile}", "about:blank"]
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen([path, *given], **silent)
        self.loop, self.number, self.pages = asyncio.new_event_loop(), 0, {}
        self.loop.run_until_complete(self.connect())

    async def connect(self) -> None:
        """Wait until it says where it listens."""
        place, end = self.profile / "DevToolsActivePort", time.monotonic() + PATIENCE
        while not (place.exists() and len(place.read_text().split()) == 2):
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{self.process.args[0]} did not start")
            await asyncio.sleep(0.05)
        port, path = place.read_text().split()
        self.session = aiohttp.ClientSession()
        address = f"ws://127.0.0.1:{port}{path}"
        self.socket = await self.session.ws_connect(address, max_msg_size=0)

    def ask(self, method: str, page: str | None = None, **parameters: object) -> dict:
        """Call a method of the protocol and return its result."""
        return self.loop.run_until_complete(self.call(method, page, parameters))

    async def call(self, method: str, page: str | None, parameters: dict) -> dict:
        """Send a call and take in what comes until its answer is there."""
        self.number += 1
        number, about = self.number, {"sessionId": page} if page else {}
        await self.socket.send_json({"id": number, "method": method, "params": parameters} | about)
        while (said := await self.hear()).get("id") != number:
            pass
        if "error" in said:
            raise RuntimeError(f"{method}: {said['error']['message']}")
        return said["result"]

    async def hear(self) -> dict:
        """Take in one message; events go to their page."""
        said = await self.socket.receive_json(timeout=PATIENCE)
        if "method" in said and said.get("sessionId") in self.pages:
            self.pages[said["sessionId"]].hear(said["method"], said["params"])
        return said

    def close(self) -> None:
        """End it."""
        self.loop.run_until_complete(self.session.close())
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.loop.close()
        shutil.rmtree(self.profile, ignore_errors=True)


class Page:
    """One page of a browser.

    Attributes:
        faults: errors of scripts, of the console and of what was not loaded, as they came.
        asked: addresses that were asked for.
    """

    def __init__(self, browser: Browser, size: tuple[int, int] = DESKTOP, dark: bool = False):
        self.browser, self.faults, self.asked, self.loaded = browser, [], [], False
        self.target = browser.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = browser.ask("Target.attachToTarget", targetId=self.target, flatten=True)
        self.name = attached["sessionId"]
        browser.pages[self.name] = self
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")
        shape = {"width": size[0], "height": size[1], "deviceScaleFactor": 1}
        self.ask("Emulation.setDeviceMetricsOverride", mobile=size[0] < 600, **shape)
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[theme])

    def ask(self, method: str, **parameters: object) -> dict:
        """Call a method for this page."""
        return self.browser.ask(method, self.name, **parameters)

    def hear(self, method: str, said: dict) -> None:
        """Keep what is asked for and what goes wrong."""
        if method == "Page.loadEventFired":
            self.loaded = True
        elif method == "Network.requestWillBeSent":
            self.asked.append(said["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.faults.append(str(said["exceptionDetails"].get("exception", said)))
        elif method == "Log.entryAdded" and said["entry"]["level"] == "error":
            self.faults.append(f"{said['entry']['text']} {said['entry'].get('url', '')}")
        elif method == "Runtime.consoleAPICalled" and said["type"] in ("error", "assert"):
            self.faults.append(str([one.get("value") for one in said["args"]]))

    def open(self, address: str) -> None:
        """Go to an address and wait until all of it is there."""
        self.loaded = False
        self.ask("Page.navigate", url=address)
        while not self.loaded:
            self.browser.loop.run_until_complete(self.browser.hear())

    def run(self, script: str) -> object:
        """Return the value of an expression, awaited if it is a promise."""
        found = self.ask(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in found:
            raise RuntimeError(str(found["exceptionDetails"].get("exception", found)))
        return found["result"].get("value")

    def wait(self, script: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + PATIENCE
        while not self.run(script):
            if time.monotonic() > end:
                raise RuntimeError(f"never true: {script}; faults: {self.faults}")
            time.sleep(0.02)

    def press(self, key: str, times: int = 1) -> None:
        """Press a key."""
        typed = {"key": key, "code": key.strip() or "Space", "windowsVirtualKeyCode": KEYS[key]}
        text = {"Enter": "\r", " ": " "}.get(key)
        for _ in range(times):
            self.ask(
                "Input.dispatchKeyEvent",
                type="keyDown",
                **typed,
                **({"text": text} if text else {}),
            )
            self.ask("Input.dispatchKeyEvent", type="keyUp", **typed)

    def write(self, text: str) -> None:
        """Type into what has the focus."""
        self.ask("Input.insertText", text=text)

    def picture(self, path: Path, whole: bool = True) -> None:
        """Take a picture of the page as PNG."""
        shot = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self) -> None:
        """Leave it."""
        del self.browser.pages[self.name]
        self.browser.ask("Target.closeTarget", targetId=self.target)
