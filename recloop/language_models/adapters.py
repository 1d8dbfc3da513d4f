"""Low-rank adapters (LoRA, Hu et al. ICLR 2022) on a frozen language model, through the package peft."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import ModuleType

from recloop.language_models.files import ModelError
from recloop.language_models.model import LanguageModel

WEIGHTS = "adapter_model.safetensors"


def peft() -> ModuleType:
    """Import peft, which takes seconds.

    Raises:
        ModelError: it is not installed.
    """
    try:
        import peft
    except ImportError as fault:
        raise ModelError(
            f"low-rank adapters need the package peft ({fault}); pip install 'recloop[lm]'"
        ) from fault
    return peft


def adapt(
    model: LanguageModel,
    rank: int = 8,
    alpha: int | float = 16,
    dropout: float = 0.0,
    modules: tuple[str, ...] = ("q_proj", "v_proj"),
) -> None:
    """Put adapters into a model; they alone learn, and before they do the model says what it said.

    Args:
        model: changed in place.
        rank: of the matrices.
        alpha: their product is scaled by alpha / rank.
        dropout: on their inputs.
        modules: names of the linear layers that get one.

    Raises:
        ModelError: no peft, or no such layers.
    """
    package = peft()
    kind = "SEQ_2_SEQ_LM" if model.encodes else "CAUSAL_LM"
    settings = package.LoraConfig(
        r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=list(modules), task_type=kind
    )
    if model.precision == "4-bit":
        model.network = package.prepare_model_for_kbit_training(model.network)
    try:
        with (
            warnings.catch_warnings()
        ):  # peft 0.21 asks transformers 5.23 under a name that goes in 6
            warnings.simplefilter("ignore", FutureWarning)
            model.network = package.get_peft_model(model.network, settings)
    except ValueError as fault:
        raise ModelError(
            f"adapters: {str(fault).splitlines()[0]}; name linear layers of this architecture"
        ) from fault
    model.learning = True


def settle(model: LanguageModel) -> None:
    """Take what the adapters have learnt into the model's revision; before that nothing is kept of it."""
    named = model.network.named_parameters()
    model.settle({name: one for name, one in named if "lora_" in name})


def save(model: LanguageModel, folder: Path) -> None:
    """Write the adapters alone, as peft does: adapter_config.json and adapter_model.safetensors."""
    model.network.save_pretrained(folder, safe_serialization=True)


def load(model: LanguageModel, folder: Path, learns: bool = False) -> None:
    """Put saved adapters into the model they were made for.

    Raises:
        ModelError: no peft, or adapters that are not safetensors.
    """
    if not (folder / WEIGHTS).exists():
        raise ModelError(
            f"{folder}: expected {WEIGHTS}, found none; other files may run code and are not opened"
        )
    model.network = peft().PeftModel.from_pretrained(model.network, folder, is_trainable=learns)
    settle(model)
    model.learning = learns


def checkpoint_gradients(model: LanguageModel) -> None:
    """Compute activations again on the way back in place of keeping them: less memory, a third more time."""
    model.network.config.use_cache = False
    model.network.activation_checkpointing_enable({"use_reentrant": False})
