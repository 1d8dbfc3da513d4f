"""Barriers on the pages, as axe-core finds them in a headless Chromium: front page, studies, dialogues, live page.

    make accessible                                              # all pages below results/, and the live page
    python benchmarks/accessible.py --pages results/index.html   # some, without the live page

Needs a Chromium, and axe-core in .recloop/axe, where this puts it; the check itself downloads nothing:

    npm install --ignore-scripts --prefix .recloop/axe axe-core@4.14.1

Each page is looked at wide and light, wide and dark, and on a phone. Status 1 where something is serious or critical.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from browser import DESKTOP, PHONE, Browser, Page, binary
from live import serving

ROOT = Path(__file__).parents[1]
AXE = ROOT / ".recloop/axe/node_modules/axe-core/axe.min.js"
LOOKS = {"wide": (DESKTOP, False), "dark": (DESKTOP, True), "phone": (PHONE, False)}
GRAVE = ("critical", "serious")
RUN = "axe.run(document, {resultTypes: ['violations', 'incomplete']}).then((found) => JSON.stringify(found))"
BEGIN = """
document.querySelector("#start button").click();
new Promise((done) => {
  const wait = setInterval(() => {
    const shown = [...document.querySelectorAll("#shown img")];
    if (shown.length && shown.every((one) => one.complete)) { clearInterval(wait); done(); }
  }, 50);
})
"""


def addresses(pages: list[Path]) -> dict[str, str]:
    """Name the pages that are looked at, and where they are."""
    results = ROOT / "results"
    patterns = ("index.html", "*/index.html", "*/dialogues.html")
    found = pages or [path for one in patterns for path in sorted(results.glob(one))]
    return {str(path): path.resolve().as_uri() for path in found}


def barriers(page: Page) -> Iterator[tuple[str, str, str]]:
    """List what axe finds: how grave, which rule, and where first."""
    page.run(AXE.read_text(encoding="utf-8"))
    for one in json.loads(page.run(RUN))["violations"]:
        places = [" ".join(map(str, node["target"])) for node in one["nodes"]]
        yield (
            one["impact"],
            f"{one['id']}: {one['help']}",
            f"{len(places)} times, first at {places[0]}",
        )


def look(browser: Browser, name: str, address: str) -> int:
    """Look at a page in every way, print what is found, and count what is grave."""
    grave = 0
    for look, (size, dark) in LOOKS.items():
        page = Page(browser, size, dark)
        page.open(address)
        if address.startswith("http"):
            page.wait("document.getElementById('model').value !== ''")
            page.run(BEGIN)
        found = list(barriers(page)) + [("critical", "fault", one) for one in page.faults]
        grave += sum(impact in GRAVE for impact, *_ in found)
        print(f"{name}, {look}: {len(found)} found" if found else f"{name}, {look}: nothing")
        for impact, rule, where in found:
            print(f"  {impact}: {rule} ({where})")
        page.close()
    return grave


def main() -> int:
    """Look at all pages; status 1 where something is serious or critical."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pages", type=Path, nargs="+", help="all below results/ if left out")
    parser.add_argument("--live", metavar="TIER", help="the live page too, with models of a tier")
    options = parser.parse_args()
    if not AXE.exists() or not binary():
        need = "axe-core" if binary() else "a Chromium"
        print(
            f"{need} is not there: see the first lines of benchmarks/accessible.py", file=sys.stderr
        )
        return 2
    with ExitStack() as open_things:
        wanted = addresses(options.pages)
        if options.live:
            wanted["live page"] = open_things.enter_context(serving(options.live, []))[0]
        browser = Browser(binary())
        open_things.callback(browser.close)
        grave = sum(look(browser, *one) for one in wanted.items())
    print(f"{len(wanted)} pages, {grave} serious or critical")
    return int(grave > 0)


if __name__ == "__main__":
    sys.exit(main())
