import torch
import transformers

from nbtune.methods import find_method
from nbtune.recipe import Recipe
from nbtune.testing import tiny_config


def test_a_head_of_words_that_came_with_a_decoder_is_left_as_it_is():
    config = tiny_config("llama", 300)
    config.tie_word_embeddings = True
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config)
    adapted = find_method("lora").apply(model, Recipe(method="lora"))
    trained = [name for name, weight in adapted.named_parameters() if weight.requires_grad]
    assert trained
    assert all("lora_" in name for name in trained)
    assert not any("lm_head" in name for name in trained)
