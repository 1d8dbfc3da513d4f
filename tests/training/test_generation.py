"""Training what generates: latents are resumed exactly, a decoder says back what it learnt, guidance 0 is none."""

import json
import os
import signal

import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from recloop.data.prepare import prepare
from recloop.data.read import read
from recloop.data.sources import fetch
from recloop.fitting.trainer import Trainer
from recloop.language_models import tokenizer
from recloop.language_models.pretrain import build, settings_of
from recloop.plan.studies import Run
from recloop.storage.checkpoint import load
from recloop.training.material import Material, titles
from recloop.training.run import rank_test, train
from recloop.training.wording import Wording

STUDY, DATASET = "pdit_gim", "industry"


@pytest.fixture(scope="module")
def it(plan):
    return plan(studies=[STUDY])


@pytest.fixture(scope="module")
def data(it, tmp_path_factory):
    """Users of the embedded shop of supplies, and a language model that has learnt nothing yet."""
    recipe, place = it.recipe(STUDY, DATASET), tmp_path_factory.mktemp("supplies")
    manifest = recipe["manifest"]
    fetch(manifest, place / "raw")
    read(manifest, place / "raw", place / "tables")
    prepare(place / "tables", place / "split", recipe["prepare"], recipe["split"], 1, manifest)
    words = tokenizer.learn(titles(place / "split", 9), 400)
    torch.manual_seed(0)
    network = build(settings_of({"dim": 32, "layers": 1, "heads": 2}), words)
    network.save_pretrained(place / "model")
    words.save_pretrained(place / "model")
    return {"sessions": place / "split", "speaker": place / "model"}


@pytest.fixture(scope="module")
def run(it, data, tmp_path_factory):
    """Give a function that trains a model and gives the folder of the run with its settings."""
    made = tmp_path_factory.mktemp("runs")

    def run(model: str, name: str = "", needs=None, keywords=None, **training):
        asked = Run(STUDY, DATASET, model, 1)
        settings = it.job_settings(asked)
        settings["training"] = settings["training"] | training
        settings["model"] = settings["model"] | (keywords or {})
        output = made / (name or model)
        side = made / f"side-{name or model}"
        train(data, settings, it.identity(asked), output, side, needs)
        return output, settings

    return run


@pytest.fixture(autouse=True)
def aside(tmp_path, monkeypatch):
    """What is kept of texts lies in a folder of the test."""
    monkeypatch.chdir(tmp_path)


def lists(data, folder, settings, needs=None):
    output = folder / "lists.parquet"
    rank_test(data, folder / "weights.safetensors", settings, output, 5, needs)
    return pl.read_parquet(output)


@pytest.mark.parametrize("model", ["pdit", "gim"])
def test_a_stopped_training_goes_on_exactly(run, monkeypatch, model):
    whole, _ = run(model, f"{model}-uncut")
    learn = Trainer.learn

    def stop(self, group):
        learn(self, group)
        if self.progress.update == self.epoch_updates + 1:  # in the second epoch
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "learn", stop)
        with pytest.raises(SystemExit, match="told to stop"):
            run(model, f"{model}-cut")
    torch.manual_seed(12345)
    cut, _ = run(model, f"{model}-cut")
    one, other = (load_file(place / "weights.safetensors") for place in (whole, cut))
    assert all(torch.equal(one[name], other[name]) for name in one)
    records = [json.loads((place / "run.json").read_text()) for place in (whole, cut)]
    assert records[0]["best_epoch"] == records[1]["best_epoch"]


def test_a_decoder_and_a_generator_are_put_behind_one_another(run, data):
    pdit, _ = run("pdit", "generator")
    gim, _ = run("gim", "decoder")
    needs = {"latents": pdit / "weights.safetensors", "decoder": gim / "weights.safetensors"}
    folder, settings = run("pdit_gim", needs=needs)
    found = lists(data, folder, settings, needs)
    assert {"text", "meant", "bleu", "rouge", "bert", "says_recyclable"} <= {*found.columns}
    assert len(found) == found["session"].n_unique()  # the last item of each user, and no other
    kept = load_file(gim / "weights.safetensors")
    assert not any("embed_tokens" in name for name in kept)  # the language model is no part of it
    again = lists(data, folder, settings, needs)
    assert again["text"].to_list() == found["text"].to_list()


def test_guidance_of_zero_is_no_guidance(run, data):
    """With alpha 0 GIM is IM: the same weights, and the same words."""
    im, about = run("im")
    gim, same = run("gim", "zero", alpha=0.0)
    one, other = (load(place / "weights.safetensors")[0] for place in (im, gim))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert lists(data, im, about)["text"].to_list() == lists(data, gim, same)["text"].to_list()


def test_the_mean_of_a_history_ranks_by_itself(run, data):
    """Placed by hand: how many items are more like the mean of what a user had than the one that was taken."""
    folder, settings = run("mean_latent")
    found = lists(data, folder, settings)
    material = Material(data, settings, "cpu")
    part, table = material.part("test"), material.latents
    ranks = {}
    for row, (session, target) in enumerate(zip(part.sessions, part.targets.tolist(), strict=True)):
        mean = table[session[session != part.events.padding]].mean(0, keepdim=True)
        alike = torch.nn.functional.cosine_similarity(mean, table)
        ranks[int(part.events.session[row])] = int((alike > alike[target] + 1e-6).sum())
    assert dict(found.select("session", "better").iter_rows()) == ranks


def test_a_regression_is_trained_and_asked_as_pdit_is(run, data):
    folder, settings = run("regression")
    found = lists(data, folder, settings)
    assert len(found) == found["session"].n_unique()
    assert found["milliseconds"].min() > 0


def test_users_are_told_of_on_the_scale_of_training_users(it, data):
    material = Material(data, it.job_settings(Run(STUDY, DATASET, "pdit", 1)), "cpu")
    profiles = material.part("train", material.training["targets"]).profiles
    torch.testing.assert_close(profiles.mean(0), torch.zeros(16), atol=1e-3, rtol=0)
    torch.testing.assert_close(profiles.std(0), torch.ones(16), atol=1e-3, rtol=0)


def test_the_prompt_says_attribute_user_and_item_in_this_order(it, data):
    settings = it.job_settings(Run(STUDY, DATASET, "gim", 1))
    material = Material(data, settings, "cpu")
    wording = Wording(material, material.part("test"))
    text = material.lm.tokenizer.decode(wording.head(0, "restricted", False, soft=True))
    user = wording.part.users[0]
    assert text == f"A product without purchase restrictions. {user}. Title:"
    assert user.startswith("Ordered products: a product titled ")
    assert wording.part.users[0].count("a product titled") <= settings["training"]["prompt_items"]
    shuffled = settings | {"training": settings["training"] | {"labels": "shuffled"}}
    other = Wording(Material(data, shuffled, "cpu"), wording.part)
    assert sorted(map(sorted, other.has)) == sorted(map(sorted, wording.has))
    assert other.has != wording.has


def test_an_item_without_words_is_named(data, tmp_path):
    rows = pl.read_parquet(data["sessions"] / "items.parquet")
    rows = rows.with_columns(title=pl.when(pl.col("item") == 3).then(None).otherwise("title"))
    rows.write_parquet(tmp_path / "items.parquet")
    with pytest.raises(
        ValueError, match=f"1 of {len(rows)} have none, the first is {rows['id'][3]}"
    ):
        titles(tmp_path, 5)
