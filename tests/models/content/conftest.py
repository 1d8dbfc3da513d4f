"""Items with small networks of words and pictures: sources of both kinds, caches and live ones."""

import pytest
import torch

from tests.contents.conftest import (  # noqa: F401 fixtures
    bert,
    contents,
    llama,
    raw,
    resnet,
    vit,
)

READ = {"words": "bert", "pictures": "vit"}


@pytest.fixture(scope="session")
def folders(bert, vit, llama, resnet):  # noqa: F811
    return {"bert": bert, "vit": vit, "llama": llama, "resnet": resnet}


@pytest.fixture(scope="session")
def source(contents, folders, tmp_path_factory):  # noqa: F811
    """Give a function that opens words or pictures, live or from a cache in float32."""
    from recloop.contents import towers
    from recloop.contents.levels import write_levels

    def give(reads: str, state: str, network: str | None = None, **more):
        settings = {"class": f"networks.{reads.capitalize()}"} | more
        folder, order = folders[network or READ[reads]], towers.dealt(len(contents), None)
        if state == "live":
            return towers.live(settings, folder, contents, order)
        place = tmp_path_factory.mktemp("levels")
        write_levels(
            contents.folder,
            settings | {"dtype": "float32"},
            place / "out",
            place / "work",
            folder,
            log=lambda line: None,
        )
        return towers.cached(place / "out", contents, order)

    return give


@pytest.fixture(scope="session")
def counts(contents):  # noqa: F811
    return torch.arange(1, len(contents) + 1)
