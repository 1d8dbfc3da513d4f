"""Studies and tiers as they lie on disk: one folder per paper, one file per tier."""

import functools
import operator
from collections.abc import Iterable
from pathlib import Path

from recloop.plan import grid
from recloop.storage import settings
from recloop.storage.fingerprint import ROOT
from recloop.storage.settings import SettingsError, check, nearest, only_known, read_settings


def find_studies(wanted: str | list[str]) -> dict[str, Path]:
    """Find the folders of studies by name, in the order of their pages.

    Args:
        wanted: `all`, or names of folders of studies/ or paths of folders elsewhere.

    Raises:
        SettingsError: there is no such folder, or two of them have one name.
    """
    known = {path.parent.name: path.parent for path in (ROOT / "studies").glob("*/paper.yaml")}
    folders = known.values() if wanted == "all" else [folder_of(one, known) for one in wanted]
    found = {folder.name: folder for folder in folders}
    if len(found) < len(list(folders)):
        raise SettingsError("config.yaml: studies: two folders have the same name")
    return found


def folder_of(name: str, known: dict[str, Path]) -> Path:
    """Find the folder of one study: a name has no slash, a path has one."""
    if "/" in name and (Path(name) / "paper.yaml").exists():
        return Path(name).resolve()
    if name not in known:
        raise SettingsError(f"config.yaml: studies: there is no '{name}'{nearest(name, known)}")
    return known[name]


def read_study(folder: Path) -> dict:
    """Read the paper, its exhibits, its claims and what embedded worlds plant as one dictionary.

    What holds for several hosts, or for a data set that is like another, is written out.
    """
    paper = read_settings(folder / "paper.yaml", "paper")
    exhibits = read_settings(folder / "exhibits.yaml", "exhibits")
    claims = read_settings(folder / "claims.yaml", "claims")
    place = folder / "known.yaml"
    known = read_settings(place, "known") if place.exists() else {}
    where = f"studies/{folder.name}"
    datasets = written_out(paper["datasets"], f"{where}/paper.yaml: datasets")
    found = paper | exhibits | {"claims": claims, "known": known, "datasets": datasets}
    return grid.spread(found, where)


def written_out(datasets: dict[str, dict], where: str) -> dict[str, dict]:
    """Write out data sets that are `like` another one but for what they say themselves.

    Raises:
        SettingsError: one is like a data set that the paper does not have.
    """
    plain = {name: entry for name, entry in datasets.items() if "like" not in entry}
    found = dict(plain)
    for name, entry in datasets.items():
        if name not in plain:
            only_known(f"{where}.{name}.like", [entry["like"]], plain)
            found[name] = plain[entry["like"]] | entry
    return found


def with_alike(here: dict, datasets: dict[str, dict]) -> dict:
    """Let the data that play a data set play those that are like it, but where the tier says what does or that none do.

    Args:
        here: what a tier says about a study.
        datasets: of the study, written out.
    """
    played = here.get("datasets", {})
    found = {}
    for name, entry in datasets.items():
        if (like := entry.get("like")) in played and name not in here.get("absent", {}):
            other = () if entry["split"] == datasets[like]["split"] else ("split",)
            found[name] = {key: one for key, one in played[like].items() if key not in other}
    return here | {"datasets": found | played} if found else here


def in_order(studies: dict[str, dict]) -> dict[str, dict]:
    """Sort studies by the order of their pages; those that declare none come last."""
    last = max((study.get("order", 0) for study in studies.values()), default=0) + 1
    return dict(sorted(studies.items(), key=lambda pair: pair[1].get("order", last)))


def tier_names() -> list[str]:
    """List the tiers there are."""
    return sorted(path.stem for path in (ROOT / "tiers").glob("*.yaml"))


def read_tier(name: str, below: Iterable[str] = ()) -> list[dict]:
    """Read a tier and those that it is based on, the deepest first, each with its name.

    Raises:
        SettingsError: there is no such tier, or a tier is based on itself.
    """
    names = tier_names()
    if name not in names:
        raise SettingsError(f"config.yaml: tier: '{name}' is not allowed{nearest(name, names)}")
    if name in (below := [*below]):
        raise SettingsError(f"tiers/{name}.yaml: based_on: goes round in a circle")
    path = ROOT / "tiers" / f"{name}.yaml"
    tier = read_settings(path, "tier")
    check(tier.get("studies", {}), "tiers", f"{path}: studies")
    based_on = tier.get("based_on")
    return [*(read_tier(based_on, [*below, name]) if based_on else []), tier | {"name": name}]


def merged(tiers: list[dict]) -> dict:
    """Lay a tier over those that it is based on; what it says of single studies is left out."""
    found = functools.reduce(operator.or_, tiers)
    missing = [key for key in settings.load_schema("tier")["needed"] if key not in found]
    if missing:
        raise SettingsError(f"tiers/{found['name']}.yaml: '{missing[0]}' is a required property")
    return {key: value for key, value in found.items() if key not in ("based_on", "name")}


def tier_of_study(folder: Path, tiers: list[dict]) -> dict:
    """Merge a tier's changes to a study: the study's own tiers.yaml, then the tier's entry for the study."""
    own = read_settings(folder / "tiers.yaml", "tiers")
    only_known(settings.shown(folder / "tiers.yaml"), own, tier_names())
    layers = [
        source[key]
        for tier in tiers
        for source, key in ((own, tier["name"]), (tier.get("studies", {}), folder.name))
        if key in source
    ]
    return functools.reduce(laid_over, layers, {})


def laid_over(below: dict, above: dict) -> dict:
    """Merge two layers: a group of settings (`training`, `datasets`) is merged, everything in it is replaced."""
    both = {
        key: below[key] | above[key]
        for key in below.keys() & above.keys()
        if groups(below, above, key)
    }
    return below | above | both


def groups(below: dict, above: dict, key: str) -> bool:
    """Check whether both layers have a group of settings under a key."""
    return isinstance(below[key], dict) and isinstance(above[key], dict)
