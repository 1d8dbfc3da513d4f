"""Low-rank adapters change nothing at the start, learn alone, and are saved apart from the model."""

import sys

import pytest
import torch

from recloop.fitting.context import TrainingContext
from recloop.fitting.schedule import Schedule
from recloop.fitting.trainer import Trainer
from recloop.language_models import adapters
from recloop.language_models.asking import Local
from recloop.language_models.files import ModelError
from recloop.language_models.pretrain import NextToken
from recloop.storage import checkpoint

# peft 0.21 asks transformers 5.23 under a name that goes in 6
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
TEXTS = ["a red shoe", "Live Forever is a track from the album Definitely Maybe"]


def test_without_peft_the_remedy_is_named(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ModelError, match=r"need the package peft .*; pip install 'recloop\[lm\]'"):
        adapters.adapt(model())


def test_gradients_computed_again_are_the_same(model):
    found = []
    for again in (False, True):
        it = model()
        it.network.requires_grad_(True).train()
        if again:
            adapters.checkpoint_gradients(it)
        ids, mask = it.padded(it.tokens(TEXTS))
        it.forward(ids, mask).logits.square().mean().backward()
        found.append([one.grad for one in it.network.parameters()])
    assert all(torch.allclose(*pair, atol=1e-7) for pair in zip(*found, strict=True))


@pytest.fixture
def peft():
    return pytest.importorskip("peft", reason="the extra lm is not installed")


def test_adapters_change_nothing_at_the_start(peft, model):
    it = model()
    adapters.adapt(it, rank=2)
    assert torch.equal(it.hidden(TEXTS), model().hidden(TEXTS))


def test_adapters_alone_learn(peft, model):
    it = model()
    adapters.adapt(it, rank=2)
    learning = [name for name, one in it.network.named_parameters() if one.requires_grad]
    assert len(learning) == 2 * 2 * 2  # two layers, q and v, down and up
    assert all("lora_" in name for name in learning)


def nudge(it):
    with torch.no_grad():
        for name, one in it.network.named_parameters():
            if "lora_B" in name:
                one += 0.1


def test_saved_adapters_are_put_back(peft, model, tmp_path):
    it = model()
    adapters.adapt(it, rank=2)
    nudge(it)
    adapters.save(it, tmp_path)
    again = model()
    adapters.load(again, tmp_path)
    assert torch.equal(it.hidden(TEXTS), again.hidden(TEXTS))
    assert not torch.equal(it.hidden(TEXTS), model().hidden(TEXTS))
    assert not any(one.requires_grad for one in again.network.parameters())


def test_nothing_is_kept_of_adapters_that_still_learn(peft, model, tmp_path):
    it = model()
    adapters.adapt(it, rank=2)
    with pytest.raises(ModelError, match=r"call adapters.settle when they have learnt"):
        Local(it)
    nudge(it)
    adapters.settle(it)
    adapters.save(it, tmp_path)
    again = model()
    adapters.load(again, tmp_path)
    assert Local(again).revision == Local(it).revision != Local(model()).revision
    nudge(again)
    adapters.settle(again)
    assert Local(again).revision != Local(it).revision


def tuned(model, folder, log=lambda line: None):
    """Tune adapters on a few texts with the one trainer; return the model and the training."""
    torch.manual_seed(1)
    it = model()
    adapters.adapt(it, rank=2, dropout=0.1)
    adapters.checkpoint_gradients(it)
    rows = {part: it.tokens(TEXTS * 4) for part in ("train", "valid")}
    schedule = Schedule(0.01, batch_size=40, epochs=4, keeps="trained")
    context = TrainingContext(3, folder, log=log)
    trainer = Trainer(NextToken(it.network, rows, schedule, context), context)
    trainer.fit()
    return it, trainer


def test_the_one_trainer_tunes_adapters_keeps_them_alone_and_goes_on_exactly(peft, model, tmp_path):
    def die(line):
        if line.startswith("epoch 2"):
            raise KeyboardInterrupt

    whole, trainer = tuned(model, None)
    scores = [row["valid_perplexity"] for row in trainer.progress.curve]
    assert scores[-1] < scores[0]
    with pytest.raises(KeyboardInterrupt):
        tuned(model, tmp_path, die)
    tensors, _ = checkpoint.load(tmp_path / "checkpoint.safetensors")
    assert all("lora_" in name for name in checkpoint.below(tensors, "model"))
    resumed, _ = tuned(model, tmp_path)
    assert torch.equal(whole.hidden(TEXTS), resumed.hidden(TEXTS))


def test_pickled_adapters_are_never_opened(model, tmp_path):
    (tmp_path / "adapter_model.bin").write_bytes(b"")
    with pytest.raises(ModelError, match=r"expected adapter_model.safetensors, found none"):
        adapters.load(model(), tmp_path)


def test_layers_that_are_not_there_are_named(peft, model):
    with pytest.raises(ModelError, match=r"no_proj.* name linear layers"):
        adapters.adapt(model(), modules=("no_proj",))


def test_adapters_are_put_into_an_encoder_decoder_too(peft, model):
    it = model("t5")
    adapters.adapt(it, rank=2, modules=("q", "v"))
    assert torch.equal(it.likelihoods(["a"], ["b"]), model("t5").likelihoods(["a"], ["b"]))
