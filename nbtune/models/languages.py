"""Models that write in many languages: which one they read, and which one they write."""

from __future__ import annotations

from typing import Any

from nbtune.errors import RecipeError, nearest
from nbtune.models.layers import unwrapped

_OTHERS = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
SHOWN = 6


def set_languages(tokenizer: Any, source: str | None, target: str | None) -> None:
    """Tell a tokenizer of many languages which ones it reads and writes, in place.

    Raises
    ------
    RecipeError
        When a language is missing, unknown to it, or named for a tokenizer of none.
    """
    named = {"source_lang": source, "target_lang": target}
    if not has_languages(tokenizer):
        if given := [name for name, code in named.items() if code is not None]:
            raise RecipeError(
                f"{' and '.join(given)}: the tokenizer of this model knows no languages",
                hint="leave it out; T5 is told by source_prefix: 'translate English to French: '",
            )
        return
    known = codes_of(tokenizer)
    missing = [name for name, code in named.items() if code is None]
    unknown = [name for name, code in named.items() if code is not None and code not in known]
    problems = [
        f"{name} is missing: this model reads and writes many languages" for name in missing
    ]
    problems += [f"{name}: {named[name]!r} is no language of this model" for name in unknown]
    if problems:
        near = [close for name in unknown if (close := nearest(str(named[name]), known))]
        some = f"it calls them {', '.join(known[:SHOWN])}, ..."
        raise RecipeError("; ".join(problems), hint=f"did you mean {near[0]!r}?" if near else some)
    tokenizer.src_lang, tokenizer.tgt_lang = source, target
    tokenizer.init_kwargs |= {"src_lang": source, "tgt_lang": target}  # what is saved


def has_languages(tokenizer: Any) -> bool:
    """Whether a tokenizer marks texts with their language."""
    return hasattr(tokenizer, "set_tgt_lang_special_tokens")


def codes_of(tokenizer: Any) -> list[str]:
    """Return what a tokenizer calls its languages, such as ``en_XX`` or ``eng_Latn``."""
    if (own := getattr(tokenizer, "lang_code_to_token", None)) is not None:
        return sorted(own)
    others = {str(getattr(tokenizer, f"{name}_token", None)) for name in _OTHERS}
    return sorted({str(one) for one in tokenizer.all_special_tokens} - others)


def token_of(tokenizer: Any, code: str) -> int:
    """Return the token that stands for a language."""
    own = getattr(tokenizer, "lang_code_to_token", {}).get(code, code)
    return int(tokenizer.convert_tokens_to_ids(own))


def set_language_written(model: Any, tokenizer: Any) -> None:
    """Let a model write its target language wherever it is loaded; it is changed in place.

    The token of the language is the first that is written, or what the decoder begins with where
    it stands at the end of texts (mBART).
    """
    if not has_languages(tokenizer):
        return
    language, own = token_of(tokenizer, tokenizer.tgt_lang), unwrapped(model)
    if tokenizer(text_target="", verbose=False)["input_ids"][0] == language:
        own.generation_config.forced_bos_token_id = language
    else:
        own.config.decoder_start_token_id = language
        own.generation_config.decoder_start_token_id = language
