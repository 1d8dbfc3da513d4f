"""The dialogue browser of a study: one HTML file with all it shows, which opens without a server or a network.

Titles and sentences are foreign: they lie in the file as JSON in which no tag can be, its script puts them in as text,
and its policy of content lets no other script run.
"""

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256
from html import escape
from pathlib import Path

from recloop.report import page_html, recorded
from recloop.report.evidence import Evidence

STYLE, SCRIPT = (Path(__file__).with_name(f"dialogues.{end}") for end in ("css", "js"))
NAME = "dialogues.html"
PICKERS = {  # what can be chosen, and how it is asked for
    "data": "Data",
    "user": "User of the test part",
    "left": "Left model",
    "right": "Right model",
}


def write(evidence: Evidence, output: Path, studies: Iterable[str]) -> None:
    """Write the page into the folder of a study.

    Args:
        evidence: with the runs of `Plan.told`.
        output: the folder.
        studies: all that have such a page.
    """
    found = recorded.gather(evidence, output.name, studies)
    output.mkdir(parents=True, exist_ok=True)
    (output / NAME).write_text(render(found), encoding="utf-8")


def render(found: Mapping) -> str:
    """Write the page.

    Args:
        found: see `recloop.report.recorded.gather`.
    """
    style = "\n" + "".join(path.read_text(encoding="utf-8") for path in (page_html.STYLE, STYLE))
    script = "\n" + SCRIPT.read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy(style, script)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>Dialogues: {escape(found['title'])}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f"<header><h1>Dialogues, turn by turn</h1>\n<p>{escape(found['title'])}</p>\n"
        f'<p class="stamp">{escape(found["stamp"])}</p>\n'
        f"{others(found)}</header>\n<main>\n{body(found)}\n</main>\n"
        f'<script type="application/json" id="recorded">{harmless(found)}</script>\n'
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def others(found: Mapping) -> str:
    """Write links to the page of the study and to the dialogues of the others."""
    here = "".join(
        f'<li><a href="../{name}/{NAME}"{" aria-current=page" * (name == found["study"])}>{name}</a></li>'
        for name in found["studies"]
    )
    page = '<a href="index.html">Tables, figures and claims of this study</a>'
    return f'<ul class="studies" aria-label="Dialogues of">{here}</ul><p>{page}</p>'


def body(found: Mapping) -> str:
    """Write the pickers and the places that the script fills; or why there is nothing to pick."""
    if not found["datasets"]:
        return "<p>No two models of this study held dialogues about pictures in this run.</p>"
    pickers = "".join(
        f'<label for="{name}">{text}<select id="{name}"></select></label>'
        for name, text in PICKERS.items()
    )
    buttons = (
        '<span class="steps"><button type="button" id="before">Previous user</button>'
        '<button type="button" id="after">Next user</button>'
        '<button type="button" id="swap">Swap models</button></span>'
    )
    return (
        "<noscript><p>This page needs JavaScript to show dialogues; nothing leaves this machine.</p></noscript>\n"
        f'<form class="pickers" aria-label="What to compare">{pickers}{buttons}</form>\n'
        '<p id="summary" role="status"></p>\n'
        '<section class="wanted"><h2>Looked for</h2><ul id="target" class="items"></ul></section>\n'
        '<section class="wanted" id="bought"><h2>Bought before</h2><ul id="past" class="items"></ul></section>\n'
        '<h2>Turns</h2>\n<ol id="turns"></ol>'
    )


def harmless(found: Mapping) -> str:
    """Write JSON that ends no element and begins none."""
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


def policy(style: str, script: str) -> str:
    """Allow this style, this script and embedded pictures, and nothing else."""
    own = {kind: source(text) for kind, text in (("style", style), ("script", script))}
    return (
        f"default-src 'none'; img-src data:; style-src {own['style']}; script-src {own['script']}"
    )


def source(text: str) -> str:
    """Name the one text of an element that a policy allows."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
