"""What all tasks share in which a text is made of another: summaries, translations, any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from nbtune.data.batches import InMemory
from nbtune.data.encoding import CHARACTERS_PER_TOKEN, encode_texts
from nbtune.data.previewing import TO, Pieces, parted, read_of
from nbtune.data.ragged import Ragged
from nbtune.data.rewritten import REWRITTEN
from nbtune.data.spoken import Spoken
from nbtune.data.written import Written
from nbtune.errors import RecipeError
from nbtune.events import Progress
from nbtune.methods import find_method
from nbtune.models.decoders import end_of, places_of_decoder
from nbtune.models.languages import (
    has_languages,
    set_language_written,
    set_languages,
    token_of,
)
from nbtune.models.writing import Writing, set_writing, write
from nbtune.recipe import Recipe
from nbtune.records import REWRITING_SCORES, EvaluationRecord, best_possible
from nbtune.tasks import Baseline, Known, Request, RowScore, Sayings, Task, Weighted
from nbtune.tasks.language import WITHOUT, keep, loss
from nbtune.tasks.sayings import rewritten

Array = np.ndarray[Any, Any]
SHOWN = 3
"""Of the rows that are written at an evaluation so many are shown."""
MOST_TRIED = 200
LOST_SHARE = 0.1
"""Of so many targets a letter may be lost before it is worth a word."""


def encode(
    rows: pd.DataFrame,
    tokenizer: Any,
    max_length: int,
    known: Known,
    *,
    prefix: str = "",
    longest: int = 64,
) -> InMemory:
    """Tokenise sources behind the prefix; a target is the tokens to be written, and their end.

    A target that is cut has no end, so that nobody learns to stop there.
    """
    sources = [f"{prefix}{text}" for text in rows["source"]]
    examples = encode_texts(sources, np.zeros(len(rows)), tokenizer, max_length)
    if "target" not in rows:
        return replace(examples, targets=Ragged.of([[] for _ in sources], np.int32))
    found = [_target(text, tokenizer, longest) for text in rows["target"]]
    targets, cut = zip(*found, strict=True) if found else ((), ())
    return replace(
        examples, targets=Ragged.of(targets, np.int32), targets_cut=np.array(cut, dtype=np.int32)
    )


def preview(
    rows: pd.DataFrame, tokenizer: Any, max_length: int, *, prefix: str = "", longest: int = 64
) -> list[Pieces]:
    """Return each source and what is to be made of it, and what is cut off of both."""
    sources, targets = [f"{prefix}{text}" for text in rows["source"]], list(rows["target"])
    read = read_of(sources, tokenizer, max_length)
    written = read_of(targets, tokenizer, longest, is_target=True)
    return [
        [*parted(source, end), ("context", TO), *parted(target, last, "target")]
        for source, end, target, last in zip(sources, read, targets, written, strict=True)
    ]


def _target(text: str, tokenizer: Any, longest: int) -> tuple[list[int], int]:
    """Return the tokens of a target, and how many were cut off."""
    shortened = text[: CHARACTERS_PER_TOKEN * longest]
    ids = list(tokenizer(text_target=shortened, verbose=False)["input_ids"])
    # A BERT-like tokenizer begins texts with a token that the decoder is given anyway.
    if tokenizer.bos_token_id is None and ids and ids[0] == tokenizer.cls_token_id:
        ids = ids[1:]
    if has_languages(tokenizer) and ids[-1:] == [token_of(tokenizer, tokenizer.tgt_lang)]:
        # It stands last, and is what the decoder begins with: it has to stay.
        return [*ids[: longest - 1], ids[-1]][-longest:], max(0, len(ids) - longest)
    if ids[-1:] != [end := end_of(tokenizer)]:
        ids.append(end)
    return ids[:longest], max(0, len(ids) - longest)


def read(kept: Any, rows: pd.DataFrame, examples: Any, known: Known) -> Written:
    """Return how the true texts were foretold, with nothing written yet."""
    has_targets = len(kept.flat) > 0
    return Written({}, len(rows), Spoken(kept) if has_targets else None)


def write_rows(
    model: Any,
    rows: pd.DataFrame,
    said: Written,
    known: Known,
    max_length: int,
    most: int | None,
    progress: Progress | None = None,
    *,
    writing: Writing = Writing(),  # noqa: B008 - it is frozen
    prefix: str = "",
) -> Written:
    """Return what was said with what the model writes of rows.

    With ``most`` it writes that many only, the same ones each time, from the first to the last.
    """
    few = len(rows) if most is None else min(most, len(rows))
    chosen = np.linspace(0, len(rows) - 1, few).astype(int).tolist()
    own = rows.iloc[chosen][["source"]]
    examples = encode(own, known.tokenizer, max_length, known, prefix=prefix)
    texts = write(model, examples.ids, known.tokenizer, writing, progress)
    return replace(said, texts=dict(zip(chosen, texts, strict=True)))


def respond(
    model: Any,
    rows: pd.DataFrame,
    known: Known,
    max_length: int,
    request: Request,
    progress: Progress | None = None,
    *,
    writing: Writing,
    prefix: str = "",
) -> pd.DataFrame:
    """Return what the model makes of each source; it draws where that is asked for."""
    import torch

    writing = replace(
        writing,
        max_new_tokens=request.max_new_tokens or writing.max_new_tokens,
        num_beams=request.num_beams or writing.num_beams,
    )
    if drawing := request.drawing():
        torch.manual_seed(request.seed)
        writing = replace(writing, do_sample=True, num_beams=request.num_beams or 1, **drawing)
    none = Written({}, len(rows))
    said = write_rows(
        model, rows, none, known, max_length, None, progress, writing=writing, prefix=prefix
    )
    return pd.DataFrame(
        {"text_row": range(len(rows)), "source": list(rows["source"]), "output": said.in_order}
    )


def sayings(
    model: Any,
    rows: pd.DataFrame,
    known: Known,
    max_length: int,
    label: str | None,
    *,
    writing: Writing = Writing(),  # noqa: B008 - it is frozen
    prefix: str = "",
) -> Sayings:
    """Return what the model makes of each source, to be explained by the words of the source."""
    tokenizer = known.tokenizer
    texts = [f"{prefix}{text}" for text in rows["source"]]
    sources = encode_texts(texts, np.zeros(len(rows)), tokenizer, max_length, with_spans=True)
    if label is None:
        written = write(model, sources.ids, tokenizer, writing)
    else:
        written = [label] * len(rows)
    return rewritten(
        sources,
        texts,
        written,
        lambda text: _target(text, tokenizer, writing.max_new_tokens)[0],
        tokenizer,
    )


def weighted(rows: pd.DataFrame, said: Written, known: Known, *, decides: str) -> Weighted:
    """Score weighted rows by what is known, the score that decides first.

    See `nbtune.evaluation.written.weighted_scores`.
    """
    from nbtune.evaluation.written import weighted_scores

    scored = weighted_scores(list(rows["target"]), said)

    def score(weights: np.ndarray[Any, Any]) -> dict[str, np.ndarray[Any, Any]]:
        found = scored(weights)
        names = sorted(found, key=lambda name: name != decides)
        return {name: found[name] for name in names if not np.isnan(found[name]).all()}

    return score


def worth(rows: pd.DataFrame, said: Written, known: Known, *, decides: str) -> Array:
    """Return the score that decides of what was written of each row."""
    from nbtune.evaluation.written import by_row

    scale = 1 if decides == "rougeL" else best_possible(decides)
    return by_row(list(rows["target"]), said.in_order, decides) * scale


def judge(
    run: str,
    split: str,
    rows: pd.DataFrame,
    said: Written,
    known: Known,
    baselines: Mapping[str, Written],
    *,
    decides: str,
) -> EvaluationRecord:
    """Judge what was written beside the baselines."""
    from nbtune.evaluation.written import judge

    return judge(run, split, rows, said, baselines, decides)


def fit(rows: pd.DataFrame, known: Known, *, decides: str) -> Sequence[Baseline]:
    """Fit what writes no word of its own; see `nbtune.evaluation.rewriting_baselines`."""
    from nbtune.evaluation.rewriting_baselines import fit_rewriting

    return fit_rewriting(rows, decides)


def glance(rows: pd.DataFrame, said: Written, known: Known) -> dict[str, Any]:
    """Return some rows with what was written of them."""
    from nbtune.evaluation.glances import sample

    sources, targets = list(rows["source"]), list(rows["target"])
    by_source = {sources[row]: row for row in reversed(said.texts)}  # each source once
    shown = sorted(by_source.values())[:SHOWN]
    return sample([(sources[row], targets[row], said.texts[row]) for row in shown])


def table(rows: pd.DataFrame, said: Written, known: Known) -> pd.DataFrame:
    """Return the rows with what was written of each."""
    return rows.reset_index(drop=True).assign(output=said.in_order)


def check(model: Any, recipe: Recipe) -> None:
    """Refuse targets that the model has no room for, and methods that a decoder does not see.

    Raises
    ------
    RecipeError
        Naming all of them.
    """
    problems, places = [], places_of_decoder(model)
    for name in ("max_target_length", "max_new_tokens"):
        asked = getattr(recipe, name) or 0
        if places is not None and asked > places:
            problems.append(
                f"{name}: {recipe.model} writes {places} tokens at most, and {asked} are asked for"
            )
    hint = f"take {places} or fewer"
    if find_method(recipe.method).virtual_tokens(recipe):
        problems.append(f"method {recipe.method}: its tokens stand before texts that are only read")
        hint = "take method: lora, ia3 or full"
    if problems:
        raise RecipeError("; ".join(problems), hint=hint)


def remarks(rows: pd.DataFrame, examples: Any, known: Known) -> list[str]:
    """Say which targets are cut, and which the tokenizer cannot write as they are."""
    told = []
    if examples.targets_cut is not None and (cut := np.count_nonzero(examples.targets_cut)):
        told.append(
            f"{cut:,} of {len(rows):,} targets are longer than max_target_length and were cut there"
        )
    tokenizer, tried = known.tokenizer, list(rows["target"].head(MOST_TRIED))
    again = [
        tokenizer.decode(ids, skip_special_tokens=True).strip()
        for ids in tokenizer(text_target=tried, verbose=False)["input_ids"]
    ]
    plain = [("".join(a.split()), "".join(b.split())) for a, b in zip(tried, again, strict=True)]
    lost = [row for row, (true, back) in enumerate(plain) if true != back]
    if len(lost) > LOST_SHARE * len(tried):
        one = min(lost, key=lambda row: len(tried[row]))
        told.append(
            f"the tokenizer cannot write {len(lost)} of {len(tried)} targets letter by letter: "
            f"{tried[one][:60]!r} becomes {again[one][:60]!r}; scores but ROUGE see capitals"
        )
    return told


def prepare(model: Any, tokenizer: Any, *, writing: Writing) -> None:
    """Let a model write so, in the language it is asked for, wherever it is loaded."""
    set_writing(model, writing)
    set_language_written(model, tokenizer)


def tuned(recipe: Recipe, task: Task) -> Task:
    """Return the task with the prefix, lengths and beams that a recipe asks for."""
    writing = Writing(
        max_new_tokens=recipe.max_new_tokens or recipe.max_target_length,
        num_beams=recipe.num_beams,
        length_penalty=recipe.length_penalty,
        no_repeat_ngram_size=recipe.no_repeat_ngram_size,
    )
    own: dict[str, Any] = {"prefix": recipe.source_prefix, "writing": writing}
    return replace(
        task,
        encode=partial(encode, prefix=recipe.source_prefix, longest=recipe.max_target_length),
        preview=partial(preview, prefix=recipe.source_prefix, longest=recipe.max_target_length),
        respond=partial(respond, **own),
        write=partial(write_rows, **own),
        sayings=partial(sayings, **own),
        dress=partial(set_languages, source=recipe.source_lang, target=recipe.target_lang),
        prepare=partial(prepare, writing=writing),
    )


def rewriting_task(name: str, summary: str, decides: str) -> Task:
    """Return a task in which a text is made of another.

    Parameters
    ----------
    decides : str
        The score that says who is better.
    """
    task = Task(
        name=name,
        summary=summary,
        head="AutoModelForSeq2SeqLM",
        rows=REWRITTEN,
        encode=encode,
        loss=loss,
        keep=keep,
        read=read,
        weighted=partial(weighted, decides=decides),
        judge=partial(judge, decides=decides),
        fit=partial(fit, decides=decides),
        predict=lambda said, known: said.in_order,
        row_score=RowScore(decides, partial(worth, decides=decides)),
        answers=table,
        table=table,
        scores=REWRITING_SCORES,
        metrics=("perplexity", decides, "token_accuracy"),
        decided_by=decides,
        without=(*WITHOUT, "neftune_noise_alpha"),
        write=write_rows,
        sayings=sayings,
        dear=tuple(one for one in REWRITING_SCORES if one not in ("perplexity", "token_accuracy")),
        check=check,
        remarks=remarks,
        preview=preview,
        glance=glance,
        respond=partial(respond, writing=Writing()),
        completed=lambda rows, found, known: list(found["output"]),
        answering="texts written",
        reads="rewriting",
    )
    return replace(task, tuned=lambda recipe: tuned(recipe, task))
