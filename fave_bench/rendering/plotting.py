"""How every figure looks, and how it becomes bytes that are the same each time."""

import io
import textwrap
from collections.abc import Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fave_bench.rendering.picture import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("svg", "png", "pdf")
PALETTE = ("#0072B2", "#009E73", "#CC79A7", "#D55E00", "#E69F00", "#56B4E9")
"""Distinct to colour-blind readers as well (Okabe & Ito 2008); its yellow is too light on white."""
INK, QUIET, FAINT, SHADE = "#1b1f24", "#59636e", "#d0d7de", "#f3f6f9"
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.2, 1, 1.2)))
MARKERS = ("o", "s", "^", "D")
CAPTION = "caption"
"""Label of the text that `panels` writes below a figure."""
CAPTION_SIZE, CAPTION_LEADING = 7.5, 0.155
"""Points, and inches from one line to the next."""
STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so every machine draws the same letters
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": QUIET,
    "axes.edgecolor": FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#eaeef2",
    "grid.linewidth": 0.8,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "svg.hashsalt": "fave-bench",  # else element ids are random
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "savefig.dpi": 160,
}


@dataclass(frozen=True)
class Style:
    """How one row of a table is told from the others."""

    color: str
    marker: str
    dash: Any


def styles(rows: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Style]:
    """(title, row's name) -> style: a colour and a marker for each title, a dash for each row of a title."""
    found: dict[tuple[str, str], Style] = {}
    titles: dict[str, int] = {}
    for title, name in dict.fromkeys(rows):
        place = titles.setdefault(title, len(titles))
        dash = sum(title == other for other, _ in found)
        found[title, name] = Style(
            color=PALETTE[place % len(PALETTE)],
            marker=MARKERS[place // len(PALETTE) % len(MARKERS)],
            dash=DASHES[dash % len(DASHES)],
        )
    return found


@contextmanager
def styled() -> Iterator[None]:
    """Inside, matplotlib has the house's looks and nothing of the user's own configuration."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        parameters: MutableMapping[Any, Any] = matplotlib.rcParams
        parameters.update(STYLE)
        yield


def render(picture: Picture, ending: str) -> bytes:
    """The picture in one of FORMATS: title and caption as metadata, no date, no random ids."""
    words: dict[str, dict[str, Any]] = {
        "svg": {"Title": picture.title, "Description": picture.caption, "Date": None, "Creator": None},
        "png": {"Title": picture.title, "Description": picture.caption, "Software": None},
        "pdf": {"Title": picture.title, "Subject": picture.caption, "CreationDate": None, "Creator": None},
    }
    file = io.BytesIO()
    with styled():
        picture.draw().savefig(file, format=ending, metadata=words[ending])
    return file.getvalue()


def bare_svg(picture: Picture) -> str:
    """The picture without the caption that `panels` puts below it, for a page that sets the words itself."""
    from matplotlib.transforms import Bbox

    file = io.BytesIO()
    with styled():
        figure = picture.draw()
        width, height = figure.get_size_inches()
        foot = 0.0
        for text in [text for text in figure.texts if text.get_label() == CAPTION]:
            foot = text.get_position()[1] * height
            text.remove()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None},
                       bbox_inches=Bbox([[0, foot], [width, height]]))  # fmt: skip
    return file.getvalue().decode()


def panels(
    count: int,
    caption: str,
    *,
    width: float = 7.6,
    height: float = 5.0,
    across: int = 2,
    margins: tuple[float, float, float, float] = (0.62, 0.2, 0.62, 0.55),
) -> "tuple[Figure, list[Axes]]":
    """A figure of `count` equal panels, at most `across` abreast, over its caption.

    `width` and `height` of a panel, and the `margins` kept free around its axes (left, right, top, bottom), in inches.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    across = min(across, count)
    down = -(-count // across)
    lines = textwrap.wrap(caption, width=round(across * width * 16.2))
    foot = 0.12 + CAPTION_LEADING * len(lines)
    tall = down * height + foot
    figure = Figure(figsize=(across * width, tall), facecolor="white")
    FigureCanvasAgg(figure)
    grid = figure.subplots(down, across, squeeze=False)
    left, right, top, bottom = margins
    for place, axes in enumerate(grid.flat):
        row, column = divmod(place, across)
        box = (column * width + left, tall - (row + 1) * height + bottom, width - left - right, height - top - bottom)
        axes.set_position([box[0] / (across * width), box[1] / tall, box[2] / (across * width), box[3] / tall])
        axes.set_visible(place < count)
    figure.text(
        left / (across * width), (foot - 0.02) / tall, "\n".join(lines),
        size=CAPTION_SIZE, color=QUIET, va="top", linespacing=1.45, label=CAPTION,
    )  # fmt: skip
    return figure, list(grid.flat)[:count]


def heading(axes: "Axes", title: str, subtitle: str, *, size: float = 11.5) -> None:
    """Both above the panel's left edge, the title in bold and of that size."""
    axes.annotate(title, (0, 1), (0, 22), "axes fraction", "offset points", size=size, weight="bold")
    axes.annotate(subtitle, (0, 1), (0, 9), "axes fraction", "offset points", size=min(8.0, 0.85 * size), color=QUIET)
