"""Hosts times methods: what a study says once and means for each of several backbones.

    grid:
      hosts:
        caser: {label: Caser, backbone: *caser}
      methods:  # of each host
        "{host}_sqn": {label: "{label}-SQN", class: sequential.sqn.SQN}

is the model `caser_sqn`. A host whose models share more than a backbone gives it as `model: {class: …}`. A panel of an
exhibit and a check of a claim with `{host}` in it stands once for every host, or for those that its `hosts` name.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from recloop.storage.settings import only_known

HOST = "{host}"
PARTS = {"tables": "panels", "figures": "panels", "claims": "checks", "known": "checks"}


def spread(study: dict, where: str) -> dict:
    """Write out the models, panels and checks that a study gives for every host.

    Args:
        study: a paper with its exhibits and claims, perhaps with a `grid`.
        where: its folder, for errors.

    Raises:
        SettingsError: a panel or check names a host that there is not.
    """
    if "grid" not in study:
        return study
    hosts = study["grid"]["hosts"]
    models = study["models"] | on_hosts(hosts, study["grid"]["methods"])
    found = {key: value for key, value in study.items() if key != "grid"} | {"models": models}
    for kind in study.keys() & PARTS.keys():
        part = PARTS[kind]
        found[kind] = {
            name: entry | ({part: each(entry[part], hosts, where)} if part in entry else {})
            for name, entry in study[kind].items()
        }
    return found


def on_hosts(hosts: Mapping[str, dict], methods: Mapping[str, dict]) -> dict[str, dict]:
    """Put every method on every host: on its backbone, or on all that its `model` says and the method does not."""
    return {
        filled(name, host, words): words.get("model", {"backbone": words.get("backbone")})
        | filled(method, host, words)
        for host, words in hosts.items()
        for name, method in methods.items()
    }


def each(parts: Iterable[dict], hosts: Mapping[str, dict], where: str) -> list[dict]:
    """Repeat those panels or checks that are about any host."""
    found = []
    for part in parts:
        if HOST not in json.dumps(part):
            found.append(part)
            continue
        chosen = part.get("hosts", list(hosts))
        only_known(f"{where}: hosts", chosen, hosts)
        once = {key: value for key, value in part.items() if key != "hosts"}
        found += [filled(once, host, hosts[host]) for host in chosen]
    return found


def filled(value: Any, host: str, words: Mapping[str, Any]) -> Any:
    """Put a host's name and words in the place of `{host}`, `{label}` and the like, however deep."""
    if isinstance(value, str):
        for word, text in {**words, "host": host}.items():
            value = value.replace(f"{{{word}}}", str(text))
        return value
    if isinstance(value, dict):
        return {key: filled(one, host, words) for key, one in value.items()}
    return [filled(one, host, words) for one in value] if isinstance(value, list) else value
