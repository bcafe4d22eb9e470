import functools
import gc
import weakref

import peft
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from nbtune.engine.precision import try_bf16
from nbtune.methods import find_method
from nbtune.models import attending, packing
from nbtune.models.attending import LONGEST_IN_FULL
from nbtune.models.packing import FILLED_TO, filled, plan
from nbtune.models.probing import find_packer
from nbtune.recipe import Recipe
from nbtune.testing import tiny_config, tiny_model

PACKED = [
    *("bert", "roberta", "distilbert", "electra", "ernie", "layoutlm"),
    *("gpt2", "gpt_neox", "llama", "opt", "phi", "qwen2", "qwen3"),
    *("modernbert", "mistral"),  # with windows
]
lengths_of_rows = st.lists(st.integers(1, 90), min_size=1, max_size=8)


@functools.cache
def model_and_packer(kind):
    model = tiny_model(kind).eval()
    return model, find_packer(model)


def batch(lengths, seed=0):
    """Make right-padded rows of random ids, none of them the padding id 0."""
    width = max(lengths)
    ids = torch.randint(
        1, 300, (len(lengths), width), generator=torch.Generator().manual_seed(seed)
    )
    mask = (torch.arange(width)[None] < torch.tensor(lengths)[:, None]).long()
    return {"input_ids": ids * mask, "attention_mask": mask}


def packed(model, packer, inputs, lengths):
    packer.lengths = lengths
    with packing.packing(model, packer):
        return model(**inputs).logits


@pytest.mark.parametrize("kind", PACKED)
@given(lengths=lengths_of_rows)
def test_packed_logits_are_the_padded_ones(kind, lengths):
    model, packer = model_and_packer(kind)
    inputs = batch(lengths)
    with torch.no_grad():
        torch.testing.assert_close(
            packed(model, packer, inputs, lengths), model(**inputs).logits, atol=1e-6, rtol=1e-5
        )


@pytest.mark.parametrize("fills", [False, True], ids=["as they are", "filled up"])
@pytest.mark.parametrize("kind", PACKED)
def test_packed_gradients_are_the_padded_ones(kind, fills):
    model, packer = model_and_packer(kind)
    packer.always_fills = fills
    lengths = [40, 3, 3, 17, 1]
    inputs, targets = batch(lengths), torch.tensor([0, 1, 2, 0, 1])

    def gradients(logits):
        model.zero_grad()
        torch.nn.functional.cross_entropy(logits, targets).backward()
        return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}

    expected = gradients(model(**inputs).logits)
    found = gradients(packed(model, packer, inputs, lengths))
    assert expected.keys() == found.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-6, rtol=1e-4)


@given(st.integers(1, 100_000))
def test_few_tokens_are_filled_up_to_one_of_few_sizes(tokens):
    assert tokens <= filled(tokens) < tokens + max(FILLED_TO, tokens / 16)
    assert filled(filled(tokens)) == filled(tokens)


def test_many_lengths_are_a_handful_of_sizes():
    assert len(set(map(filled, range(1_000, 2_000)))) < 25


@pytest.mark.parametrize("length", [8, LONGEST_IN_FULL + 8])
def test_16_bits_on_a_cpu_attend_in_the_format_that_is_faster(monkeypatch, length):
    if try_bf16(64) is None:
        pytest.skip("this CPU cannot multiply in bf16")
    seen, real = [], functional.scaled_dot_product_attention

    def attend(query, *others, **more):
        seen.append(query.dtype)
        return real(query, *others, **more)

    monkeypatch.setattr(functional, "scaled_dot_product_attention", attend)
    model = tiny_model("modernbert")
    packer = find_packer(model)
    seen.clear()
    with torch.autocast("cpu", torch.bfloat16):
        logits = packed(model, packer, batch([length, length]), [length, length])
        with torch.no_grad():
            packed(model, packer, batch([length, length]), [length, length])
    assert set(seen) == {torch.float32 if length <= LONGEST_IN_FULL else torch.bfloat16}
    logits.float().sum().backward()


def test_a_packed_model_goes_with_its_last_name():
    """No cycle keeps its weights until one is looked for."""
    model = tiny_model()
    packer = find_packer(model)
    with torch.no_grad():
        packed(model, packer, batch([5, 3]), [5, 3])
    gone = weakref.ref(packer.inner)
    gc.disable()
    try:
        del model, packer
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("kind", PACKED)
def test_a_packed_row_does_not_see_its_neighbours(kind):
    """A decoder thus pools at the last token of the row itself."""
    model, packer = model_and_packer(kind)
    lengths = [5, 30, 12]
    inputs = batch(lengths)
    alone = {name: tensor[:1, :5] for name, tensor in inputs.items()}
    with torch.no_grad():
        together = packed(model, packer, inputs, lengths)
        torch.testing.assert_close(together[:1], model(**alone).logits, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_a_decoder_pools_before_its_padding_even_when_that_is_also_the_last_token(kind):
    """As with GPT-2, whose end token stands in for padding."""
    model = tiny_model(kind).eval()
    model.config.pad_token_id = model.config.eos_token_id
    packer = find_packer(model)
    inputs = batch([4, 9])
    inputs["input_ids"][inputs["attention_mask"] == 0] = model.config.eos_token_id
    alone = {name: tensor[:1, :4] for name, tensor in inputs.items()}
    with torch.no_grad():
        for logits in (model(**inputs).logits, packed(model, packer, inputs, [4, 9])):
            torch.testing.assert_close(logits[:1], model(**alone).logits, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("kv_heads", [4, 2])
def test_attention_that_drops_is_torchs_but_for_what_is_dropped(monkeypatch, causal, kv_heads):
    monkeypatch.setattr(attending, "drop", lambda values, probability: values)
    query, key, value = (torch.randn(2, heads, 5, 8) for heads in (4, kv_heads, kv_heads))
    mask = None if causal else torch.tensor([[1] * 5, [1, 1, 1, 0, 0]])[:, None, None].bool()
    options = {"is_causal": causal, "scale": 0.3, "enable_gqa": kv_heads < 4}
    torch.testing.assert_close(
        attending._attention_with_dropout(
            query, key, value, attn_mask=mask, dropout_p=0.1, **options
        ),
        torch.nn.functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, **options
        ),
    )


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_a_model_with_adapters_packs(kind):
    model = find_method("lora").apply(tiny_model(kind), Recipe(method="lora")).eval()
    assert isinstance(model, peft.PeftModel)
    lengths = [7, 40, 2]
    inputs = batch(lengths)
    with torch.no_grad():
        found = packed(model, find_packer(model), inputs, lengths)
        torch.testing.assert_close(found, model(**inputs).logits, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("kind", ["albert", "mpnet", "deberta-v2", "bloom", "gemma2"])
def test_a_model_that_would_not_agree_is_not_packed(kind):
    """Another pooler, attention with relative positions of its own, a cap."""
    config = tiny_config(kind, 300)
    if hasattr(config, "num_key_value_heads"):
        config.num_key_value_heads = 4
    model = transformers.AutoModelForSequenceClassification.from_config(config)
    model.config.pad_token_id = 0
    assert find_packer(model) is None
    assert model(**batch([3, 40])).logits.shape == (2, 3)


@pytest.mark.parametrize("more", [{"softcap": 50.0}, {"s_aux": 1.0}])
def test_attention_that_does_more_is_refused_rather_than_left_out(more):
    """A cap changes nothing while scores are small, so comparing logits might not show it."""
    row = torch.zeros(1, 2, 3, 4)
    with pytest.raises(NotImplementedError, match=f"packed attention knows no {next(iter(more))}"):
        packing.packed_attention(torch.nn.Module(), row, row, row, None, **more)


def test_a_model_without_a_padding_id_is_not_packed():
    model = tiny_model("gpt2")
    model.config.pad_token_id = None
    assert find_packer(model) is None


@pytest.mark.parametrize("kind", ["bert", "modernbert"])
def test_looking_for_a_packer_leaves_no_trace(kind):
    model = transformers.AutoModelForSequenceClassification.from_config(tiny_config(kind, 300))
    model.train()
    before, state = model.config.to_dict(), torch.get_rng_state()
    attention = model.base_model.config._attn_implementation
    find_packer(model)
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)
    assert model.config.to_dict() == before
    assert model.base_model.config._attn_implementation == attention
    assert not any("nbtune_packer" in vars(module) for module in model.modules())


def test_a_model_is_itself_again_after_an_error_inside_the_block():
    model, packer = model_and_packer("bert")
    with pytest.raises(KeyboardInterrupt), packing.packing(model, packer):
        raise KeyboardInterrupt
    assert model.base_model.config._attn_implementation == packer.own_attention
    assert "forward" not in vars(model.base_model)


def test_without_a_packer_nothing_is_changed():
    model = tiny_model()
    with packing.packing(model, None):
        assert "forward" not in vars(model.base_model)


def test_weights_saved_while_packing_are_those_of_the_plain_model():
    model, packer = model_and_packer("bert")
    with packing.packing(model, packer):
        assert model.state_dict().keys() == tiny_model().state_dict().keys()


@given(lengths_of_rows)
def test_a_plan_has_a_place_for_every_token(lengths):
    width = max(lengths)
    layout = plan(lengths, width, torch.device("cpu"))
    real = [row * width + i for row, length in enumerate(lengths) for i in range(length)]
    assert sorted(layout.places.tolist()) == real
    assert layout.positions[0].tolist() == [place % width for place in layout.places.tolist()]


@given(lengths_of_rows)
def test_the_groups_of_a_plan_have_every_token_and_waste_little(lengths):
    groups = plan(lengths, max(lengths), torch.device("cpu")).groups
    assert sum(group.tokens for group in groups) == sum(lengths)
    assert sum(group.rows for group in groups) == len(lengths)
    for group in groups:
        if group.longest > packing.SHORT:
            assert group.tokens / (group.rows * group.longest) >= packing.SIMILAR


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_a_packed_model_can_write_in_between(kind):
    config = tiny_config(kind, 300)
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config).eval()
    packer, ids = find_packer(model), torch.tensor([[5, 6, 7]])
    asked = {"attention_mask": torch.ones_like(ids), "max_new_tokens": 6, "do_sample": False,
             "pad_token_id": 0}  # fmt: skip
    alone = model.generate(ids, **asked)
    inputs = batch([4, 2])
    with packing.packing(model, packer), torch.no_grad():
        packer.lengths = [4, 2]
        before = model(**inputs).logits
        with packing.unpacked(packer):
            assert model.generate(ids, **asked).tolist() == alone.tolist()
        assert packer.is_installed
        torch.testing.assert_close(model(**inputs).logits, before)
    with packing.unpacked(packer):
        assert not packer.is_installed
