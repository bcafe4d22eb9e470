"""What the heads of a model attend to in a text."""

from __future__ import annotations

from dataclasses import dataclass

Row = tuple[float, ...]
Matrix = tuple[Row, ...]


@dataclass(frozen=True)
class Steps:
    """Self-attention of one head for one token, number by number (Vaswani et al. 2017, 3.2.1).

    Attributes
    ----------
    products : tuple of float
        Its query times the key of each token.
    scores : tuple of float
        The same times ``scale``; minus infinity where the token may not be looked at.
    weights : tuple of float
        Their softmax.
    values : tuple of tuple of float
        The value of each token.
    result : tuple of float
        The sum of these values, each times its weight.
    """

    products: Row
    scores: Row
    scale: float
    weights: Row
    values: Matrix
    result: Row

    @property
    def width(self) -> int:
        """Numbers in a query, key or value."""
        return len(self.result)


@dataclass(frozen=True)
class AttentionRecord:
    """The attention of every layer and head over one text.

    Attributes
    ----------
    model : str
        A run, or a model that nobody trained here.
    tokens : tuple of str
        As they are written; those that go on with a word begin with ``·``.
    is_special : tuple of bool
        Tokens that no text has.
    weights : tuple
        Of shape (layers, heads, tokens, tokens): from which, to which.
    layer, head, token : int
        Which are shown, from 0.
    why : str
        Why this head and this token.
    steps : Steps, optional
        None where the model attends in a way of its own.
    left_out : int
        Tokens of the text that are not shown: those that are looked at least.
    cut : bool
        Whether the text was too long to be read to its end.
    picture : str
        Of an image: as the model sees it, small, as a ``data:`` address.
    grid : tuple of int
        Its patches downwards and across, which are its tokens.
    looked_at : tuple of float
        How much the token shown looks at each of them, row by row.
    """

    model: str
    tokens: tuple[str, ...]
    is_special: tuple[bool, ...]
    weights: tuple[tuple[Matrix, ...], ...]
    layer: int
    head: int
    token: int
    why: str
    steps: Steps | None = None
    left_out: int = 0
    cut: bool = False
    picture: str = ""
    grid: tuple[int, ...] = ()
    looked_at: Row = ()

    @property
    def layers(self) -> int:
        """How many there are."""
        return len(self.weights)

    @property
    def heads(self) -> int:
        """How many each layer has."""
        return len(self.weights[0])

    @property
    def shown(self) -> Matrix:
        """The weights of the head that is shown."""
        return self.weights[self.layer][self.head]
