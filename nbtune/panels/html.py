"""The only place that builds HTML: templates in which every value is escaped."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from typing import TYPE_CHECKING, Any

from nbtune.plots.texts import short
from nbtune.records.marking import pieces_of

if TYPE_CHECKING:
    from jinja2 import Environment

    from nbtune.records import Score


def render(template: str, **values: Any) -> str:
    """Fill a template of ``panels/templates``; values are escaped, unknown names are errors.

    A value that is HTML already (an inner `render`) is passed through ``markupsafe.Markup`` by
    the caller, in this package only.
    """
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("nbtune.panels"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,  # else the file of each template is looked at each time
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        drawn=drawn,
        ends=ends,
        number=number,
        percent=percent,
        short=short,
        signed=signed,
        spans=spans,
    )
    return environment


def drawn(svg: str) -> str:
    """Return a drawing as the address of an image, which viewers keep that clean drawings away."""
    return f"data:image/svg+xml;base64,{b64encode(svg.strip().encode()).decode()}"


def spans(text: str, longest: int) -> list[tuple[str, str]]:
    """Return a text of at most about so many characters in pieces, with the names of its spans."""
    pieces = pieces_of(text, longest)
    if len(pieces) == 1:
        return [(short(text, longest), "")]
    return [(short(piece, longest), kind) for piece, kind in pieces]


def number(value: float | None, digits: int = 3) -> str:
    """Write a score or loss: ``0.861``, and an en dash for what is not known.

    Examples
    --------
    >>> number(0.8614), number(312.44), number(28114.2)
    ('0.861', '312.4', '28,114')
    """
    if value is None or value != value:
        return "–"
    digits = min(digits, 0 if abs(value) >= 1_000 else 1 if abs(value) >= 100 else digits)
    return f"{value:,.{digits}f}"


def ends(score: Score) -> str:
    """Write the ends of an interval; a dash would be lost among signs.

    Examples
    --------
    >>> from nbtune.records import Score
    >>> ends(Score(1.5, 1, 2)), ends(Score(-1.5, -2, -1))
    ('1.000–2.000', '-2.000 to -1.000')
    """
    dash = "–" if score.low >= 0 else " to "
    return f"{number(score.low)}{dash}{number(score.high)}"


def percent(value: float) -> str:
    """Write a share as a whole percentage: ``86 %``."""
    return f"{100 * value:.0f} %"


def signed(value: float) -> str:
    """Write what something adds or takes away: ``+1.24``.

    Examples
    --------
    >>> signed(1.237), signed(-0.0004), signed(0.012)
    ('+1.24', '0', '+0.012')
    """
    text = f"{value:+.2f}" if abs(value) >= 0.1 else f"{value:+.3f}"
    return text.replace("-", "\N{MINUS SIGN}") if float(text) else "0"


def duration(seconds: float | None) -> str:
    """Write a time as people say it: ``48 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds is None or seconds != seconds:
        return "–"
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size(amount: float) -> str:
    """Write a number of bytes: ``540 MiB``, ``1.2 GiB``."""
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"


def weights(count: float) -> str:
    """Write a number of weights: ``22.7 M``, ``1.5 k``."""
    if count >= 1e6:
        return f"{count / 1e6:.1f} M"
    return f"{count / 1e3:.1f} k" if count >= 1e3 else f"{count:.0f}"
