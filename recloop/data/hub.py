"""Files of data sets on a public hub: named by data set, commit and path, and fetched like any other file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

HUB = "https://huggingface.co/datasets"


def resolved(source: Mapping[str, Any]) -> dict[str, Any]:
    """Write the addresses on a hub of a manifest out; at a commit, what is behind one never changes."""
    if "files" not in source:
        return dict(source)
    files = {}
    for name, file in source["files"].items():
        addresses = [address_of(one) for one in file.get("addresses", [])]
        files[name] = {**file, "addresses": addresses} if "addresses" in file else dict(file)
    return {**source, "files": files}


def address_of(address: str | Mapping[str, str]) -> str | Mapping[str, str]:
    """Write one address out if it is one on a hub."""
    if isinstance(address, str) or "hub" not in address:
        return address
    return f"{HUB}/{address['hub']}/resolve/{address['revision']}/{quote(address['path'])}"
