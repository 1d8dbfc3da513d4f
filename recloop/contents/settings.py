"""What may be said of a network in a study, checked before anything is opened; it needs no torch."""

from __future__ import annotations

from collections.abc import Mapping

from recloop.storage.settings import only_known

CLASSES = ("networks.Words", "networks.Pictures")
KNOWN = (
    *("class", "name", "revision", "package", "hash", "pooling"),
    *("tokens", "weights", "shape", "seed", "precision"),
)
OF_THE_PLAN = (
    "label",
    "learn",
    "learnt_from",
    "dtype",
    "levels",
)  # of the rules that learn and cache
WEIGHTS = ("saved", "random")
PRECISIONS = ("float32", "bfloat16")
DTYPES = ("float16", "float32")  # of a cache
# How a network of ours learns: of the loop, and of what is learnt.
LOOP = {
    "epochs": 12,
    "batch_size": 64,
    "learning_rate": 0.003,
    "weight_decay": 0.1,
    "held_out": 0.1,
    "image_size": 64,
}
SIZES = {
    "networks.Words": {
        "dim": 64,
        "layers": 4,
        "heads": 4,
        "length": 30,
        "vocabulary": 2000,
        "hidden": 0.15,
        "naming": 20.0,
    },
    "networks.Pictures": {"dim": 64, "layers": 4, "heads": 4, "patch": 16, "stages": 0},
}


def check_network(settings: Mapping, where: str) -> None:
    """Stop while planning at settings that no network has.

    Raises:
        SettingsError: an unknown setting or value.
    """
    only_known(where, settings, (*KNOWN, *OF_THE_PLAN))
    only_known(f"{where}: class", [settings.get("class", "")], CLASSES)
    only_known(f"{where}: weights", [settings.get("weights", "saved")], WEIGHTS)
    only_known(f"{where}: precision", [settings.get("precision", "float32")], PRECISIONS)
    only_known(f"{where}: dtype", [settings.get("dtype", "float16")], DTYPES)
    only_known(f"{where}: learn", settings.get("learn", {}), LOOP | SIZES[settings["class"]])
