"""Foreign captioners become ours and say the same; hostile files run nothing."""

import argparse
import collections
import io
import json
import math
import pickle
import zipfile

import pytest
import torch
from torch import nn

WORDS = {str(number): word for number, word in enumerate(["is", "red", "high", "UNK"], 1)}
FEATURES, DIM, WORD_DIM, CELLS, BATCH = 3, 8, 6, 5, 7


class Library(nn.Module):
    """Show, Attend & Tell as its paper says, weights named as in the library."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2 * FEATURES, DIM)
        self.embed = nn.Embedding(len(WORDS) + 1, WORD_DIM)
        self.logit = nn.Linear(DIM, len(WORDS) + 1)
        self.core = nn.ModuleDict(
            {
                "rnn": nn.LSTM(WORD_DIM + 2 * FEATURES, DIM, bias=False),
                "ctx2att": nn.Linear(2 * FEATURES, 4),
                "h2att": nn.Linear(DIM, 4),
                "alpha_net": nn.Linear(4, 1),
            }
        )

    def forward(self, target, reference, words):
        cells = torch.cat([target, target - reference], -1)
        start = self.linear(cells.mean(1))[None]
        state, scores = (start, start), []
        for word in words.T:
            query = self.core["h2att"](state[0][-1])[:, None]
            dots = self.core["alpha_net"](torch.tanh(self.core["ctx2att"](cells) + query))
            seen = (dots.softmax(1) * cells).sum(1)
            out, state = self.core["rnn"](torch.cat([self.embed(word), seen], -1)[None], state)
            scores.append(self.logit(out[0]))
        return torch.stack(scores, 1)


class Norm(nn.Module):
    """The library's layer normalisation: unbiased deviation."""

    def __init__(self, dim):
        super().__init__()
        self.a_2, self.b_2 = (nn.Parameter(torch.rand(dim) + 0.5) for _ in range(2))

    def forward(self, x):
        return self.a_2 * (x - x.mean(-1, keepdim=True)) / x.std(-1, keepdim=True) + self.b_2


def library_transformer(layers=2, hidden=12):
    """Name the weights of a Transformer as the library does."""
    names = {
        "att_embed.0": nn.Linear(2 * FEATURES, DIM),
        "model.tgt_embed.0.lut": nn.Embedding(len(WORDS) + 1, DIM),
        "model.generator.proj": nn.Linear(DIM, len(WORDS) + 1),
        "model.encoder.norm": Norm(DIM),
        "model.decoder.norm": Norm(DIM),
    }
    for side, parts in (("encoder", ["self_attn"]), ("decoder", ["self_attn", "src_attn"])):
        for layer in range(layers):
            place = f"model.{side}.layers.{layer}"
            for part in parts:
                names |= {f"{place}.{part}.linears.{i}": nn.Linear(DIM, DIM) for i in range(4)}
            names[f"{place}.feed_forward.w_1"] = nn.Linear(DIM, hidden)
            names[f"{place}.feed_forward.w_2"] = nn.Linear(hidden, DIM)
            names |= {f"{place}.sublayer.{i}.norm": Norm(DIM) for i in range(len(parts) + 1)}
    return names


def forward_transformer(names, target, reference, words, heads):
    """Compute what the library does, from its weights."""

    def attend(place, x, known, mask=None):
        q, k, v = (
            names[f"{place}.linears.{i}"](y).unflatten(2, (heads, -1)).transpose(1, 2)
            for i, y in enumerate((x, known, known))
        )
        dots = q @ k.transpose(2, 3) / math.sqrt(DIM // heads)
        dots = dots if mask is None else dots.masked_fill(~mask, -1e9)
        return names[f"{place}.linears.3"]((dots.softmax(-1) @ v).transpose(1, 2).flatten(2))

    def feed(place, x):
        return names[f"{place}.feed_forward.w_2"](names[f"{place}.feed_forward.w_1"](x).relu())

    x = names["att_embed.0"](torch.cat([target, reference], -1)).relu()
    for layer in range(2):
        place = f"model.encoder.layers.{layer}"
        y = names[f"{place}.sublayer.0.norm"](x)
        x = x + attend(f"{place}.self_attn", y, y)
        x = x + feed(place, names[f"{place}.sublayer.1.norm"](x))
    cells, time = names["model.encoder.norm"](x), words.shape[1]
    place_of = torch.arange(time)[:, None]
    angles = place_of * torch.exp(torch.arange(0, DIM, 2) * -(math.log(10000.0) / DIM))
    x = names["model.tgt_embed.0.lut"](words) * math.sqrt(DIM)
    x[..., 0::2] += angles.sin()
    x[..., 1::2] += angles.cos()
    mask = torch.ones(time, time).tril().bool()
    for layer in range(2):
        place = f"model.decoder.layers.{layer}"
        y = names[f"{place}.sublayer.0.norm"](x)
        x = x + attend(f"{place}.self_attn", y, y, mask)
        x = x + attend(f"{place}.src_attn", names[f"{place}.sublayer.1.norm"](x), cells)
        x = x + feed(place, names[f"{place}.sublayer.2.norm"](x))
    return names["model.generator.proj"](names["model.decoder.norm"](x))


def weights_of(names):
    found = {f"{n}.{w}": t for n, module in names.items() for w, t in module.state_dict().items()}
    return collections.OrderedDict(found | {"model.tgt_embed.1.pe": torch.zeros(1, 50, DIM)})


@pytest.fixture
def inputs():
    torch.manual_seed(1)  # of the weights as well
    target, reference = torch.randn(2, BATCH, CELLS, FEATURES).unbind()
    return target, reference, torch.randint(0, len(WORDS) + 1, (BATCH, 5))


def converted(folder, weights, **options):
    """Save, convert and open what came out."""
    from safetensors.torch import load_file

    from recloop.simulators.captioner import build_network
    from recloop.simulators.convert import convert

    torch.save(weights, folder / "model.pth")
    (folder / "words.json").write_text(json.dumps({"ix_to_word": WORDS, "images": []}))
    convert(folder / "model.pth", folder / "words.json", folder / "output", **options)
    record = json.loads((folder / "output/simulator.json").read_text())
    network = build_network(record["settings"], len(WORDS) + 1, record["features"])
    network.load_state_dict(load_file(folder / "output/weights.safetensors"))
    return network.eval(), record


@torch.no_grad()
def test_show_attend_tell_says_the_same(tmp_path, inputs):
    library = Library()
    network, record = converted(tmp_path, library.state_dict())
    torch.testing.assert_close(network(*inputs), library(*inputs), atol=1e-5, rtol=1e-4)
    assert record["features"] == FEATURES


@torch.no_grad()
def test_transformer_says_the_same(tmp_path, inputs):
    names = library_transformer()
    network, record = converted(tmp_path, weights_of(names), heads=2)
    expected = forward_transformer(names, *inputs, heads=2)
    torch.testing.assert_close(network(*inputs), expected, atol=1e-4, rtol=1e-4)
    assert record["settings"]["layers"] == 2


@torch.no_grad()
def test_opens_as_a_captioner(tmp_path, inputs, monkeypatch):
    from recloop.features import cache
    from recloop.simulators import open_simulator

    class Grid:
        shape = (CELLS, FEATURES)

        def __init__(self):
            self.record = {
                "revision": "any"
            }  # a published checkpoint does not name that of its grid

        def rows(self, items):
            return inputs[0].numpy()[items]

    _, record = converted(tmp_path, Library().state_dict())
    monkeypatch.setattr(cache.Features, "open", lambda folder: Grid())
    folder = tmp_path / "output"
    user = open_simulator(record["settings"], folder, tmp_path, tmp_path, tmp_path, "cpu")
    utterances = user.critique(torch.arange(3).numpy(), torch.arange(3, 6).numpy())
    assert all(set(one.split()) <= {"is", "red", "high"} and one for one in utterances)


class Bomb:
    """Would write a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.filterwarnings("ignore")
def test_hostile_weights_run_nothing(tmp_path):
    from recloop.simulators.convert import read_weights

    torch.save({"a": Bomb(tmp_path / "ran")}, tmp_path / "zip.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps({"a": Bomb(tmp_path / "ran")}))
    (tmp_path / "noise.pth").write_bytes(b"\x80\x02noise" * 9)
    with zipfile.ZipFile(tmp_path / "other.pth", "w") as file:
        file.writestr("data.pkl", pickle.dumps(Bomb(tmp_path / "ran")))
    for name in ("zip", "plain", "noise", "other"):
        with pytest.raises(ValueError, match="not a file of plain tensors"):
            read_weights(tmp_path / f"{name}.pth")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"embed.weight": "text"}, "names and tensors only"),
        ([torch.ones(2)], "holds list"),
        ({"embed.weight": torch.tensor([math.nan])}, "not finite"),
    ],
)
def test_refuses_what_is_no_state_dictionary(tmp_path, content, message):
    from recloop.simulators.convert import read_weights

    torch.save(content, tmp_path / "model.pth")
    with pytest.raises(ValueError, match=message):
        read_weights(tmp_path / "model.pth")


def test_names_what_does_not_fit(tmp_path):
    with pytest.raises(ValueError, match="expected the names of"):
        converted(tmp_path, {"fc.weight": torch.ones(2, 2)})
    with pytest.raises(ValueError, match=r"core\.extra"):
        converted(tmp_path, Library().state_dict() | {"core.extra": torch.ones(1)})
    WORDS["5"] = "one"
    try:
        with pytest.raises(ValueError, match=r"5 words, but .* has 4"):
            weights = Library().state_dict()
            weights["embed.weight"] = weights["embed.weight"][:5]
            converted(tmp_path, weights)
    finally:
        del WORDS["5"]


@pytest.mark.parametrize("protocol", range(5))
def test_reads_the_vocabulary_of_a_pickle_without_running_it(tmp_path, protocol):
    from recloop.simulators.convert import read_vocabulary

    infos = {
        "opt": argparse.Namespace(rnn_size=512, images=["a", ("b", 1.5, None, True)]),
        "bomb": Bomb(tmp_path / "ran"),
        "vocab": WORDS,
        "histories": collections.defaultdict(list, {1: [2.5, -3, 1 << 80]}),
    }
    (tmp_path / "infos.pkl").write_bytes(pickle.dumps(infos, protocol))
    assert read_vocabulary(tmp_path / "infos.pkl").words == tuple(WORDS.values())
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("protocol", range(6))
def test_literals_are_what_pickle_would_give(tmp_path, protocol):
    from recloop.simulators.literals import read_literals

    shared = ["x", "é"]
    value = {
        "a": [1, 2.5, None, True, False, -7, 1 << 70, 300, 70000],
        "b": (shared, shared, (), (1,), (1, 2), (1, 2, 3, 4)),
        3: {"deep": {"er": {}}},
    }
    (tmp_path / "file.pkl").write_bytes(pickle.dumps(value, protocol))
    found = read_literals(tmp_path / "file.pkl")
    assert found == value
    assert found["b"][0] is found["b"][1]


def test_reads_strings_of_python_2(tmp_path):
    from recloop.simulators.literals import read_literals

    (tmp_path / "file.pkl").write_bytes(b"\x80\x02}q\x01U\x011U\x04caf\xe9s.")
    assert read_literals(tmp_path / "file.pkl") == {"1": "café"}


@pytest.mark.parametrize(
    "content", [b"", b"\x80\x02", b"}", b"0.", b"t.", b"]a.", b"(}s.", b"\x80\x02U\xff.", b"h\x05."]
)
def test_damaged_pickles_are_named(tmp_path, content):
    from recloop.simulators.literals import read_literals

    (tmp_path / "file.pkl").write_bytes(content)
    with pytest.raises(ValueError, match=r"file\.pkl: not a pickle of plain data"):
        read_literals(tmp_path / "file.pkl")


@pytest.mark.parametrize("content", [{"1": "a", "3": "b"}, ["a"], {"x": "a"}, 5])
def test_refuses_words_without_numbers(tmp_path, content):
    from recloop.simulators.convert import read_vocabulary

    (tmp_path / "words.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="expected words by number"):
        read_vocabulary(tmp_path / "words.json")


def test_reads_old_files(tmp_path):
    from recloop.simulators.convert import read_weights

    buffer = io.BytesIO()
    torch.save({"a": torch.ones(2)}, buffer, _use_new_zipfile_serialization=False)
    (tmp_path / "old.pth").write_bytes(buffer.getvalue())
    assert torch.equal(read_weights(tmp_path / "old.pth")["a"], torch.ones(2))
