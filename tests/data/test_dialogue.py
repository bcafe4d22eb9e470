import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbtune.data.dialogue import encode_chats, prompt_ids, tokens_of
from nbtune.data.templates import PLAIN_TEMPLATE, dress, ends_of_answers, pieces_of
from nbtune.errors import DataError, ModelError
from nbtune.models.scratch import new_tokenizer

CHATML = (
    "{%- if messages[0].role != 'system' -%}{{- '<|im_start|>system\\nBe kind.<|im_end|>\\n' -}}"
    "{%- endif -%}{%- for m in messages -%}{{- '<|im_start|>' + m.role + '\\n' + m.content|trim + "
    "'<|im_end|>\\n' -}}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}"
)
LLAMA = (
    "{{ bos_token }}{%- for m in messages -%}{%- if m.role == 'user' -%}{{- '[INST] ' "
    "+ m.content + ' [/INST]' -}}{%- elif m.role == 'assistant' -%}{{- ' ' + m.content + ' ' + "
    "eos_token -}}"
    "{%- else -%}{{ raise_exception('no ' + m.role) }}{%- endif -%}{%- endfor -%}"
)
BARE = "{%- for m in messages -%}{{- m.role + ': ' + m.content + '\\n' -}}{%- endfor -%}" + (
    "{%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}"
)
TEMPLATES = {"plain": None, "chatml": CHATML, "llama": LLAMA, "bare": BARE}


BASE = new_tokenizer(["hello there, how are you? fine. thanks!"], "writing")


def tokenizer_with(template):
    found = copy.deepcopy(BASE)
    found.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    found.chat_template = TEMPLATES[template]
    dress(found)
    return found


def chat(*contents):
    roles = ("user", "assistant")
    return [{"role": roles[i % 2], "content": one} for i, one in enumerate(contents)]


@pytest.mark.parametrize("template", TEMPLATES)
def test_answers_and_their_ends_are_learnt_and_nothing_else(template):
    tokenizer = tokenizer_with(template)
    end = {"chatml": "<|im_end|>"}.get(template, "<|endoftext|>")
    (found,) = tokens_of([chat("hello", "fine.", "how?", "thanks!")], tokenizer, 99)
    said = "".join(
        found.text[start:stop] if learnt else "§"
        for (start, stop), learnt in zip(found.places, found.learnt, strict=True)
    )
    learnt = [part.strip() for part in said.split("§") if part]
    gap = " " if template == "llama" else ""
    assert learnt == [f"fine.{gap}{end}", f"thanks!{gap}{end}"]
    assert end in ends_of_answers(tokenizer)


@pytest.mark.parametrize("template", ["plain", "chatml", "llama"])
@settings(deadline=None, max_examples=25)
@given(st.lists(st.text("ab \n.'é", min_size=1).filter(str.strip), min_size=2, max_size=6))
def test_tokens_are_those_of_transformers(template, contents):
    tokenizer = tokenizer_with(template)
    own = chat(*contents[: len(contents) // 2 * 2])
    (found,) = tokens_of([own], tokenizer, 9999)
    expected = tokenizer.apply_chat_template(own, return_dict=False)
    assert found.ids == expected[: len(found.ids)]
    assert not tokenizer.decode(expected[len(found.ids) :]).strip()
    assert prompt_ids(own[:-1], tokenizer, 9999) == tokenizer.apply_chat_template(
        own[:-1], add_generation_prompt=True, return_dict=False
    )


def test_a_target_is_the_next_token_of_an_answer():
    tokenizer = tokenizer_with("plain")
    found = encode_chats([chat("hello", "fine.")], tokenizer, 99)
    ids, targets = np.array(found.ids[0]), found.targets.row(0)
    where = np.flatnonzero(targets != -100)
    assert targets[where].tolist() == ids[where + 1].tolist()
    assert tokenizer.decode(targets[where]) == "fine.<|endoftext|>"
    every = encode_chats([chat("hello", "fine.")], tokenizer, 99, answers_only=False)
    assert every.targets.row(0).tolist() == [*ids[1:], -100]


@pytest.mark.parametrize("max_length", [8, 12, 20])
def test_of_a_long_chat_the_beginning_and_the_end_of_the_answer_go(max_length):
    tokenizer = tokenizer_with("plain")
    long = chat("hello " * 20, "fine. " * 20)
    found = encode_chats([long, chat("a", "b")], tokenizer, max_length)
    (whole,) = tokens_of([long], tokenizer, 9999)
    assert len(found.ids[0]) == max_length
    kept = int((found.targets.row(0) != -100).sum())
    assert kept >= max_length // 2 - 1
    assert found.targets_cut[0] == whole.learnt.sum() - kept
    assert found.cut[0]


def test_pieces_are_the_text_and_say_what_is_learnt_and_cut():
    tokenizer = tokenizer_with("plain")
    whole, cut = tokens_of(
        [chat("hello", "fine."), chat("hello " * 40, "fine. " * 40)], tokenizer, 48
    )
    assert [kind for kind, _ in whole.pieces] == ["context", "target"]
    assert [kind for kind, _ in cut.pieces] == ["cut", "context", "target", "cut"]
    for one in (whole, cut):
        assert "".join(text for _, text in one.pieces) == one.text


def test_a_chat_that_the_template_refuses_is_named():
    tokenizer = tokenizer_with("llama")
    told = [{"role": "system", "content": "x"}, *chat("a", "b")]
    with pytest.raises(DataError, match=r"refuses a chat of system, user, assistant: no system"):
        encode_chats([told], tokenizer, 99)


def test_a_template_that_says_the_prompt_otherwise_is_refused():
    tokenizer = tokenizer_with("plain")
    tokenizer.chat_template = "{{ messages | length }}" + PLAIN_TEMPLATE
    with pytest.raises(ModelError, match="writes a chat otherwise"):
        pieces_of(chat("a", "b"), tokenizer, ["<|endoftext|>"])


def test_a_tokenizer_without_an_end_is_refused():
    tokenizer = tokenizer_with("plain")
    tokenizer.chat_template = tokenizer.eos_token = None
    with pytest.raises(ModelError, match="no token that ends a text"):
        dress(tokenizer)
