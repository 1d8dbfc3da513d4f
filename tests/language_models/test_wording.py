"""Prompts about items in token numbers."""

import pytest
from tokenizers.processors import Sequence

from recloop.language_models.wording import Wording


@pytest.mark.parametrize("marked", [True, False])
def test_a_prompt_begins_with_the_mark_of_models_that_have_one(model, marked):
    """SmolLM2 has none: nothing stands before its words."""
    opened = model()
    if not marked:
        opened.tokenizer.backend_tokenizer.post_processor = Sequence([])
    begin = [opened.tokenizer.bos_token_id] if marked else []
    wording = Wording(opened, [[50, 51], [52]], [60])
    plain = opened.tokenizer("a red shoe", add_special_tokens=False)["input_ids"]
    assert opened.begin == begin
    assert wording.fill("a red shoe{items}", items=[0, 1]) == [*begin, *plain, 50, 51, 60, 52]
