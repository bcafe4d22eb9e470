"""What a model attends to in a text, as an object with faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbtune.errors import DataError, ModelError
from nbtune.recipe import from_yaml
from nbtune.records import AttentionRecord
from nbtune.results.pictured import Pictured
from nbtune.results.run import Run

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

LONGEST = 512


class Attention(Pictured):
    """The attention of every layer and head over one text; layers and heads count from 1.

    Shown, it is tables and drawings. Where these are cleaned away, as on GitHub, ``figure()`` in
    the last line of a cell is a picture that stays.

    Parameters
    ----------
    record : AttentionRecord
        What was found.
    """

    def __init__(self, record: AttentionRecord) -> None:
        self.record = record

    @property
    def layer(self) -> int:
        """The layer that is shown."""
        return self.record.layer + 1

    @property
    def head(self) -> int:
        """The head that is shown."""
        return self.record.head + 1

    @property
    def tokens(self) -> list[str]:
        """The tokens that are shown."""
        return list(self.record.tokens)

    def weights(self, layer: int | None = None, head: int | None = None) -> pd.DataFrame:
        """Return the weights of a head, by default the one shown: from which, to which token."""
        import pandas as pd

        own = self.record.weights[(layer or self.layer) - 1][(head or self.head) - 1]
        index, columns = (pd.Index(self.tokens, name=name) for name in ("from", "to"))
        return pd.DataFrame(own, index=index, columns=columns)

    @property
    def steps(self) -> pd.DataFrame:
        """The three steps of the token shown: one line a token it may look at."""
        import pandas as pd

        if (steps := self.record.steps) is None:
            return pd.DataFrame(columns=["token", "product", "score", "weight"])
        return pd.DataFrame(
            {
                "token": self.tokens,
                "product": steps.products,
                "score": steps.scores,
                "weight": steps.weights,
            }
        )

    @property
    def text(self) -> str:
        """The three steps as lines of at most 80 characters."""
        from nbtune.panels.attention import attention_text

        return attention_text(self.record)

    def figure(self) -> Figure:
        """Return the head that is shown and all the others as a matplotlib figure."""
        from nbtune.plots.attention import attention_figure

        return attention_figure(self.record)

    def _separate_figures(self) -> dict[str, Figure]:
        return {"attention": self.figure()}

    def _pictures(self) -> list[Figure]:
        return []  # the tables come with drawings that answer the mouse

    def __repr__(self) -> str:
        one = self.record
        return f"<Attention of {one.model}: {one.layers} layers, {one.heads} heads>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from nbtune.panels import attention as faces

        return {
            "text/plain": self.text,
            "text/markdown": faces.attention_markdown(self.record),
            "text/html": faces.attention_html(self.record),
        }


def attention_of_run(run: Run, text: Any, *wanted: Any) -> Attention:
    """Show what the model of a run attends to; ``wanted`` are layer, head and token.

    Raises
    ------
    DataError
        When it is not one thing to look at.
    ModelError
        When the model has no attention over all of it.
    """
    from nbtune.understanding.showing import attend, attend_to_image

    trained, recipe = run.trained, from_yaml(run.folder.recipe_text)
    if is_by_itself := run.task.shown is not None and recipe.text_pair is not None:
        texts, is_whole = _one_of_pair(text), False
    rows = None if is_by_itself else run.rows_of([text])
    if rows is not None and len(rows) != 1:
        raise DataError(f"there are {len(rows)} texts, and one is looked at", hint="give one text")
    if rows is not None and run.task.reads == "images":
        if "text" in rows:
            raise ModelError(
                f"{run.name}: an image and its text are read by two models, each by itself",
                hint=f"%explain {run.name} takes both",
            )
        examples = run.task.encode(rows, trained.tokenizer, trained.max_length, trained.known)
        return Attention(attend_to_image(run.name, trained.model, examples, *wanted))
    if rows is not None:
        texts, is_whole = _read_of(rows, run)
    own = (trained.model, trained.tokenizer, trained.max_length)
    return Attention(attend(run.name, *own, texts, *wanted, is_whole=is_whole))


def _read_of(rows: pd.DataFrame, run: Run) -> tuple[tuple[str, ...], bool]:
    """Return what is read of a row, and whether all tokens that stand around it are in it."""
    from nbtune.understanding.placing import texts_of

    if "messages" not in rows:
        return texts_of(rows, 0, run.task), False
    from nbtune.data.templates import ends_of_answers, pieces_of

    tokenizer = run.trained.tokenizer
    pieces = pieces_of(rows["messages"].iloc[0], tokenizer, ends_of_answers(tokenizer))
    return ("".join(piece.text for piece in pieces),), True


def _one_of_pair(text: Any) -> tuple[str, ...]:
    if isinstance(text, str) and "|||" not in text:
        return (text,)
    raise DataError(
        "the run reads each text of a pair by itself, so no token of one looks at the other",
        hint="give one of them; %explain takes both",
    )


class BareModel:
    """A model that nobody trained here, with its tokenizer, in memory.

    Parameters
    ----------
    name : str
        As a recipe names it.

    Raises
    ------
    ModelError
        When there is none, or it starts from nothing.
    """

    def __init__(self, name: str) -> None:
        from nbtune.jobs.choosing import model_of
        from nbtune.models.loading import load_model, load_tokenizer
        from nbtune.recipe import Recipe

        source = model_of(Recipe(model=name))
        if source.kind == "scratch":
            raise ModelError(
                f"model: {name} starts from nothing, so its attention shows nothing yet",
                hint="train it first: %%finetune NAME, then %attention NAME",
            )
        self.name = name
        self.loaded = load_model(source, load_tokenizer(source, []), [], head="AutoModel")

    def look(self, text: Any, *wanted: Any) -> Attention:
        """Show what it attends to; ``wanted`` are layer, head and token."""
        from nbtune.understanding.showing import attend

        texts = (text,) if isinstance(text, str) else tuple(text)
        longest = min(LONGEST, self.loaded.max_positions or LONGEST)
        model, tokenizer = self.loaded.model, self.loaded.tokenizer
        return Attention(attend(self.name, model, tokenizer, longest, texts, *wanted))
