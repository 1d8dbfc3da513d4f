"""What a page says of the language models behind its numbers, and of what they know of the items."""

import json

from recloop.report import language_models
from recloop.report.evidence import Evidence
from recloop.report.outline import Grid


def told(tmp_path, **kin):
    """Describe one published model, with a record of what it knows for each data set."""
    knows = {}
    for dataset, found in kin.items():
        path = tmp_path / f"{dataset}.json"
        path.write_text(json.dumps({"kin": found}))
        knows[dataset] = str(path)
    knows["absent"] = str(tmp_path / "absent.json")
    model = {"label": "LE", "settings": {"package": "llm-small"}, "place": None, "knows": knows}
    used = {name: {"source": "shop", "stand_in": None} for name in kin}
    tier = {"tier": "none", "datasets": used, "language_models": {"le": model}}
    study = {"tables": {}, "figures": {}, "datasets": {name: {"label": name} for name in kin}}
    return language_models.section(Evidence.gather(study, tier, []))


def test_what_a_model_knows_of_items_stands_beside_it(tmp_path):
    found = {"preferred": 0.625, "low": 0.55, "high": 0.7, "pairs": 200}
    models, text, kin = told(tmp_path, one=found, two=None)
    assert isinstance(models, Grid) and isinstance(kin, Grid)
    assert models.rows == [["LE", "published: llm-small", "–", "–", "–"]]
    assert "chance is 0.5" in text
    known, unknown = kin.rows
    assert known == ["LE", "one: shop", "0.6250", "[0.5500, 0.7000]", "200"]
    assert unknown == ["LE", "two: shop", "no two items are known to be kin", "–", "–"]


def test_nothing_is_said_of_what_was_not_measured(tmp_path):
    (models,) = told(tmp_path)
    assert isinstance(models, Grid)
