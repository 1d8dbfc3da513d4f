"""Every model of the papers, one file each. A study names a model by its import path."""

from functools import partial
from inspect import signature
from pkgutil import resolve_name

from torch import nn


def build(settings: dict, **facts) -> nn.Module:
    """Make the model that a study describes.

    `class: sequential.sqn.SQN` is `SQN` in recloop/models/sequential/sqn.py; `backbone:` arrives there as a function
    that makes a fresh session encoder, because some models need two.

    Args:
        settings: `class`, the keywords of its constructor, and perhaps `backbone`, described the same way.
        facts: what the data set says (`items`, `item_counts`, `item_vectors`, `length`); a constructor gets those
            that its signature names.

    Raises:
        TypeError: a keyword that the constructor does not have, or one that it misses.
    """
    arguments = dict(settings)
    model = resolve_name(f"{__name__}.{arguments.pop('class')}")
    if backbone := arguments.pop("backbone", None):
        arguments["backbone"] = partial(build, backbone, **facts)
    wanted = keywords(model)
    return model(**{name: fact for name, fact in facts.items() if name in wanted}, **arguments)


def keywords(model: type) -> set[str]:
    """Name the keywords of a constructor, with those that `**settings` hands on to the class above."""
    names = set()
    for cls in model.__mro__:
        parameters = signature(cls.__init__).parameters.values()
        names |= {p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD}
        if all(p.kind is not p.VAR_KEYWORD for p in parameters):
            break
    return names - {"self"}
