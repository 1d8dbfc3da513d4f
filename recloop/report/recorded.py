"""What is shown of recorded dialogues: some users of the test part, what each model showed them, and thumbnails.

Nothing is asked anew: a run's saved lists hold every turn. A study about dialogues shows K pictures, of which one is
liked; one about attributes shows one, and says how many wishes it contradicts.
"""

import io
from base64 import b64encode
from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl
from PIL import Image

from recloop.data.pictures import Pictures
from recloop.plan.names import RunName
from recloop.report import labels
from recloop.report.evidence import Evidence
from recloop.report.exhibits.example import rank, until_success

USERS = 20  # of a data set, spread evenly over the test part
ITEMS = 1200  # at most so many thumbnails of a data set, some 3 kB each; else it is fewer users
SIDE, QUALITY = 112, 70  # of a thumbnail: pixels, and WebP's
TOLD = {"session", "position", "target", "critique", "solved"}  # columns of a dialogue's lists


def gather(evidence: Evidence, name: str, studies: Iterable[str]) -> dict:
    """Collect all that the page of a study shows, as it is written into it.

    Args:
        evidence: with the runs of `Plan.told`.
        name: of the study.
        studies: all that have such a page.
    """
    study = evidence.study
    found = (of_dataset(evidence, dataset) for dataset in study["datasets"])
    return {
        "study": name,
        "title": study["title"],
        "studies": list(dict.fromkeys([*studies, name])),
        "stamp": labels.stamp(evidence, study["datasets"]),
        "datasets": [one for one in found if one],
    }


def of_dataset(evidence: Evidence, dataset: str) -> dict | None:
    """Collect the dialogues of a data set; None where there are no pictures or no two models to compare."""
    folder, lists = evidence.pictures(dataset), read(evidence, dataset)
    if not folder or len(lists) < 2:
        return None
    users = spread(in_all(lists.values()), USERS)
    turns = {name: told(frame, users) for name, frame in lists.items()}
    pasts = past(evidence, dataset, users)
    users, items = fitting(users, list(turns.values()), pasts)
    sentences: dict[str, int] = {}
    groups = group_of(next(iter(lists.values())))
    pictures, titles = Pictures.open(folder), read_titles(folder)
    return {
        "name": dataset,
        "label": labels.panel_title(evidence, dataset),
        "pair": pair(evidence.study, list(lists)),
        "users": [
            {"number": one, "group": groups.get(one), "target": target, "past": pasts[one]}
            for one, target in users.items()
        ],
        "models": [
            {
                "name": name,
                "label": labels.model(evidence.study, name),
                "turns": [[written(turn, sentences) for turn in turns[name][one]] for one in users],
            }
            for name in lists
        ],
        "sentences": list(sentences),
        "items": {
            item: {"title": titles.get(item) or f"item {item}", "picture": picture}
            for item, picture in thumbnails(pictures, items)
        },
    }


def read(evidence: Evidence, dataset: str) -> dict[str, pl.DataFrame]:
    """Read the lists of each model that are dialogues, of its first seed, in the order of the study."""
    places = {name: index for index, name in enumerate(evidence.study["models"])}
    runs = [
        (places[key], name, seeds[min(seeds)])
        for (place, name), seeds in evidence.results.folders.items()
        if place == dataset and (key := RunName.parse(name).key) in places
    ]
    found = {}
    for _, name, folder in sorted(runs):
        lists = pl.read_parquet(folder / "lists.parquet")
        if set(lists.columns) >= TOLD and len(lists):
            found[name] = lists
    return found


def in_all(lists: Iterable[pl.DataFrame]) -> dict[int, int]:
    """Find the target of every dialogue that all models held, by its number."""
    held = [set(frame.select("session", "target").unique().iter_rows()) for frame in lists]
    return dict(sorted(set.intersection(*held)))


def spread(users: Mapping[int, int], most: int) -> dict[int, int]:
    """Pick users evenly from a part."""
    numbers = list(users)
    wanted = min(most, len(numbers))
    return {one: users[one] for one in (numbers[i * len(numbers) // wanted] for i in range(wanted))}


def told(lists: pl.DataFrame, users: Iterable[int]) -> dict[int, list[dict]]:
    """List the turns of some dialogues, until the target was shown."""
    rows = lists.filter(pl.col("session").is_in(list(users)))
    parts = rows.partition_by("session", as_dict=True)
    last = lists["position"].max()
    return {session: until_success(part, last) for (session,), part in parts.items()}


def past(evidence: Evidence, dataset: str, users: Mapping[int, int]) -> dict[int, list[int]]:
    """Look up what some users bought before; nothing where sessions are no dialogues of the split."""
    split = evidence.split(dataset)
    file = split and split["folder"] / "dialogues.parquet"
    if not file or not file.exists():
        return {one: [] for one in users}
    rows = pl.read_parquet(file, columns=["dialogue", "target", "history"])
    rows = rows.filter(pl.col("dialogue").is_in(list(users)))
    known = {(number, target): bought for number, target, bought in rows.iter_rows()}
    return {one: known.get((one, target), []) for one, target in users.items()}


def fitting(
    users: Mapping[int, int], turns: list[dict[int, list[dict]]], pasts: Mapping[int, list[int]]
) -> tuple[dict[int, int], list[int]]:
    """Keep as many users as the thumbnails allow, one at least, and list the items that they see."""
    kept, items = {}, set()
    for one, target in users.items():
        seen = {target, *pasts[one]}
        seen.update(item for model in turns for turn in model[one] for item in shown(turn))
        if kept and len(items | seen) > ITEMS:
            break
        kept[one] = target
        items |= seen
    return kept, sorted(items)


def shown(turn: Mapping) -> list[int]:
    """List what a turn shows: a list of items, or one."""
    return list(turn["top"]) if "top" in turn else [turn["item"]]


def written(turn: Mapping, sentences: dict[str, int]) -> list:
    """Write a turn: its number, what it shows and what of it is liked, the sentence, rank, contradictions, success.

    What there is not is None: a liked item among one, a critique of what was looked for, a rank that no run keeps.
    """
    done = turn["solved"]
    said = None if done or not turn["critique"] else turn["critique"]
    number = None if said is None else sentences.setdefault(said, len(sentences))
    place = None if done or "better" not in turn else rank(turn)
    return [
        turn["position"],
        shown(turn),
        turn.get("liked"),
        number,
        place,
        turn.get("violated"),
        done,
    ]


def group_of(lists: pl.DataFrame) -> dict[int, str]:
    """Look up the group of every user where there are several."""
    if "group" not in lists.columns or lists["group"].n_unique() < 2:
        return {}
    return dict(lists.select("session", "group").unique().iter_rows())


def pair(study: Mapping, models: list[str]) -> list[str]:
    """Name the two models shown at first: those of the example, else the first and what others are tested against."""
    entries = [*study["tables"].values(), *study["figures"].values()]
    tested = [*references(entries), models[-1]]
    found = [*examples(entries), *([models[0], one] for one in tested if one != models[0])]
    return list(next(two for two in found if {*two} <= {*models}))


def examples(entries: Iterable[Mapping]) -> list[list[str]]:
    """List the models of every example, what is compared first and the proposal last."""
    return [entry["models"] for entry in entries if entry["kind"] == "example"]


def references(entries: Iterable[Mapping]) -> list[str]:
    """List the models that others are tested against in some exhibits, the first exhibit's first."""
    parts = [part for entry in entries for part in (entry, *entry.get("panels", []))]
    return [part["reference"] for part in parts if "reference" in part]


def read_titles(folder: Path) -> dict[int, str]:
    """Read the titles of a catalogue's items."""
    file = folder / "items.parquet"
    if not file.exists():
        return {}
    return dict(pl.read_parquet(file, columns=["item", "title"]).drop_nulls().iter_rows())


def thumbnails(pictures: Pictures, items: Iterable[int]) -> Iterable[tuple[int, str]]:
    """Make small pictures as addresses that hold them; ascending items read each file once."""
    for item in items:
        small = b64encode(thumbnail(pictures.decoded(item))).decode()
        yield item, f"data:image/webp;base64,{small}"


def thumbnail(picture: Image.Image) -> bytes:
    """Make a picture small, as WebP."""
    picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=QUALITY)
    return file.getvalue()
