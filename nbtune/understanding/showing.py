"""What a model attends to in one text, with the head and the word that show it best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from nbtune.data.batches import InMemory
from nbtune.data.words import Place
from nbtune.engine.device import find_device
from nbtune.errors import DataError, ModelError, RunError
from nbtune.records import AttentionRecord, Steps
from nbtune.understanding.attending import Look, look, reading_part, refuse_without_attention, takes
from nbtune.understanding.picturing import PictureReader, has_own_patches
from nbtune.understanding.placing import refuse_slow
from nbtune.understanding.reader import still

MOST_TOKENS = 24
Array = np.ndarray[Any, Any]
SPECIAL = ("[CLS]", "[DISTILL]")
GOES_ON, SPACE = "·", "␣"
_SPACES = "Ġ▁"
"""What stands for a blank in tokens."""


def attend(
    name: str,
    model: Any,
    tokenizer: Any,
    longest: int,
    texts: Sequence[str],
    layer: int | None = None,
    head: int | None = None,
    token: str | None = None,
    *,
    is_whole: bool = False,
) -> AttentionRecord:
    """Return what each head attends to; see `nbtune.api.attention`.

    Of a model that reads one text and writes another it is the encoder that is looked at.

    Parameters
    ----------
    is_whole : bool
        Whether the text has all tokens that stand around it, as that of a chat.
    """
    whole, model = model, reading_part(model)
    refuse_without_attention(model, name, is_part=model is not whole)
    refuse_slow(tokenizer)
    device = find_device()
    encoded = tokenizer(
        *texts, truncation=True, max_length=longest, return_offsets_mapping=True,
        return_tensors="pt", add_special_tokens=not is_whole,
    )  # fmt: skip
    taken = (*tokenizer.model_input_names, "input_ids", "attention_mask")
    names = [one for one in dict.fromkeys(taken) if one in encoded and takes(model, one)]
    inputs = {one: encoded[one].to(device) for one in names}
    parts, length = encoded.sequence_ids(0), inputs["input_ids"].shape[1]
    if length < 2 or all(part is None for part in parts):
        raise DataError(
            f"{texts[0][:40]!r} has no tokens that could look at each other",
            hint="give a sentence",
        )
    model = model.to(device)
    with still(model, device), torch.no_grad():
        looks = look(model, lambda: model(**inputs), length)
    places = encoded["offset_mapping"][0].tolist()
    ids = inputs["input_ids"][0].tolist()
    tokens = _names(texts, parts, places, tokenizer, ids)
    of_none = set(tokenizer.all_special_ids) if is_whole else set()
    special = np.array([p is None or i in of_none for p, i in zip(parts, ids, strict=True)])
    is_word = np.array([any(sign.isalnum() for sign in one) for one in tokens]) & ~special
    every = tokenizer(*texts, truncation=True, max_length=longest + 1)["input_ids"]
    found = _found(name, looks, tokens, special, is_word, (layer, head, token))
    return replace(found, cut=len(every) > length)


def attend_to_image(
    name: str,
    model: Any,
    examples: InMemory,
    layer: int | None = None,
    head: int | None = None,
    token: str | None = None,
) -> AttentionRecord:
    """Return what each head attends to in an image, whose tokens are its patches.

    Raises
    ------
    ModelError
        When the model does not attend from patch to patch over the whole image.
    """
    device = find_device()
    refuse_without_attention(model, name)
    model = model.to(device)
    seen = PictureReader(model, device, examples, 0)
    high, wide = seen.grid
    pixels = seen.batch.inputs["pixel_values"].to(device)
    with still(model, device), torch.no_grad():
        looks = look(model, lambda: model(pixel_values=pixels), 0)
    lengths = {one.weights.shape[-1] for one in looks}
    before = max(lengths) - high * wide
    if len(lengths) > 1 or not has_own_patches(model, seen.grid) or not 0 <= before <= 2:
        raise ModelError(
            f"{name} does not attend from patch to patch over its whole image",
            hint="models of the kinds ViT and DeiT do; %explain takes this one as well",
        )
    tokens = [
        *SPECIAL[:before],
        *(f"{1 + at // wide}·{1 + at % wide}" for at in range(high * wide)),
    ]
    special = np.arange(len(tokens)) < before
    of_head = token is None and before > 0
    wanted = tokens[0] if of_head else token
    found = _found(name, looks, tokens, special, ~special, (layer, head, wanted))
    if of_head:
        why = f"{found.why.split('; ', 1)[0]}; its steps are shown for the token that is read out"
        found = replace(
            found, why=why.replace("words look most at one word", "patches look most at one")
        )
    looked_at = looks[found.layer].weights[found.head, tokens.index(found.tokens[found.token])]
    return replace(
        found,
        picture=seen.picture,
        grid=seen.grid,
        looked_at=_row(looked_at[before:].float().cpu().numpy()),
    )


def _found(
    name: str,
    looks: Sequence[Look],
    tokens: Sequence[str],
    special: Array,
    is_word: Array,
    wanted: tuple[int | None, int | None, str | None],
) -> AttentionRecord:
    """Return what was seen, with the head and the token that are to be shown."""
    layer, head, token = wanted
    weights = torch.stack([one.weights.float() for one in looks]).cpu().numpy()
    _refuse_unknown(weights, tokens, layer, head, token)
    at_layer, at_head, why = _head_to_show(weights, is_word, layer, head)
    row, told = _token_to_show(weights[at_layer, at_head], is_word, tokens, token)
    kept = _to_show(weights, special, row)
    own = np.ix_(kept, kept)
    return AttentionRecord(
        model=name,
        tokens=tuple(tokens[at] for at in kept),
        is_special=tuple(bool(special[at]) for at in kept),
        weights=tuple(tuple(_matrix(one[own]) for one in heads) for heads in weights),
        layer=at_layer,
        head=at_head,
        token=kept.index(row),
        why=f"{why}; {told}",
        steps=_steps(looks[at_layer], at_head, row, kept),
        left_out=len(tokens) - len(kept),
    )


def _names(
    texts: Sequence[str], parts: Sequence[int | None], places: Sequence[Place], tokenizer: Any,
    ids: Sequence[int],
) -> list[str]:  # fmt: skip
    """Return tokens as they are written; what goes on with a word begins with a dot."""
    found = []
    for at, (part, (start, stop)) in enumerate(zip(parts, places, strict=True)):
        own = str(tokenizer.convert_ids_to_tokens(ids[at]))
        if part is None or not own.strip(_SPACES):
            found.append(own if part is None else SPACE)
            continue
        written = texts[part][start:stop]
        before = texts[part][start - 1 : start]
        goes_on = bool(before) and before.isalnum() and written[:1].isalnum()
        found.append((GOES_ON if goes_on else "") + (written.strip() or written or "?"))
    return found


def _head_to_show(
    weights: Array, is_word: Array, layer: int | None, head: int | None
) -> tuple[int, int, str]:
    """Return layer and head from 0, and why them.

    By default the head that looks most, on average over the words, at one other word further away.
    """
    layers, heads = weights.shape[:2]
    far = np.where(_is_far(is_word), weights, 0.0).max(-1)[..., is_word].sum(-1)
    if layer is not None:
        far = np.where(np.arange(layers)[:, None] == layer - 1, far, -1.0)
    if head is not None:
        far = np.where(np.arange(heads) == head - 1, far, -1.0)
    at_layer, at_head = np.unravel_index(int(far.argmax()), far.shape)
    if layer is not None and head is not None:
        why = "the head that was asked for"
    else:
        of = "" if layer is None and head is None else " asked for"
        why = f"of all heads{of} the one whose words look most at one word that is no neighbour"
    return int(at_layer), int(at_head), why


def _refuse_unknown(
    weights: Array, tokens: Sequence[str], layer: int | None, head: int | None, token: str | None
) -> None:
    """Refuse a layer, head and token that there are not, all of them at once."""
    problems, hints = [], []
    for what, number, count in zip(("layer", "head"), (layer, head), weights.shape, strict=False):
        if number is not None and not 1 <= number <= count:
            problems.append(f"{what}: there is no {what} {number}")
            hints.append(f"{what}s are counted from 1 to {count}")
    if token is not None and not _places_of(token, tokens):
        problems.append(f"token: {token!r} is none of this text")
        hints.append(f"its tokens are {' '.join(one[:20] for one in tokens[:MOST_TOKENS])}")
    if problems:
        raise RunError("; ".join(problems), hint="; ".join(hints))


def _places_of(token: str, tokens: Sequence[str]) -> list[int]:
    """Return where a token stands; in any case of letters where it stands nowhere as it is."""
    same = [at for at, one in enumerate(tokens) if one == token]
    wanted = token.lower()
    return same or [at for at, one in enumerate(tokens) if one.lower().lstrip(GOES_ON) == wanted]


def _is_far(is_word: Array) -> Array:
    """Say from which token to which other words stand, neighbours left out."""
    at = np.arange(len(is_word))
    return np.asarray((np.abs(at[:, None] - at) > 1) & is_word[None, :] & is_word[:, None])


def _token_to_show(
    weights: Array, is_word: Array, tokens: Sequence[str], token: str | None
) -> tuple[int, str]:
    if token is None:
        far = np.where(_is_far(is_word), weights, 0.0)
        row = int(far.max(-1).argmax())
        return row, "its steps are shown for the token that looks most at such a word"
    return _places_of(token, tokens)[0], "its steps are shown for the token that was asked for"


def _to_show(weights: Array, special: Array, row: int) -> list[int]:
    """Return the tokens to show, in their order: those that are looked at most by all heads."""
    if len(special) <= MOST_TOKENS:
        return list(range(len(special)))
    looked_at = weights.mean((0, 1)).sum(0)
    first = sorted(range(len(special)), key=lambda at: (at != row, -looked_at[at]))
    return sorted(first[:MOST_TOKENS])


def _steps(one: Look, head: int, row: int, kept: Sequence[int]) -> Steps | None:
    if one.query is None or one.key is None or one.value is None or one.scores is None:
        return None
    query, key, value = (x[head].float().cpu().numpy() for x in (one.query, one.key, one.value))
    weights = one.weights[head, row].float().cpu().numpy()
    return Steps(
        products=_row((key @ query[row])[list(kept)]),
        scores=_row(one.scores[head, row].float().cpu().numpy()[list(kept)]),
        scale=float(one.scale),
        weights=_row(weights[list(kept)]),
        values=_matrix(value[list(kept)]),
        result=_row(weights @ value),
    )


def _row(values: Array) -> tuple[float, ...]:
    return tuple(float(one) for one in values)


def _matrix(values: Array) -> tuple[tuple[float, ...], ...]:
    return tuple(_row(one) for one in values)
