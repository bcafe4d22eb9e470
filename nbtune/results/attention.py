"""What a model attends to in a text, as an object with faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbtune.errors import DataError, ModelError
from nbtune.records import AttentionRecord
from nbtune.results.run import Run

if TYPE_CHECKING:
    import pandas as pd

LONGEST = 512


class Attention:
    """The attention of every layer and head over one text; layers and heads count from 1.

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
    """Show what the model of a run attends to; ``wanted`` are layer, head and token."""
    from nbtune.understanding.placing import texts_of
    from nbtune.understanding.showing import attend

    rows = run.rows_of([text])
    if len(rows) != 1:
        raise DataError(f"there are {len(rows)} texts, and one is looked at", hint="give one text")
    trained = run.trained
    texts = texts_of(rows, 0, run.task)
    return Attention(
        attend(run.name, trained.model, trained.tokenizer, trained.max_length, texts, *wanted)
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
