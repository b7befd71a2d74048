"""A table before it has a format: blocks of typed cells for people, one flat list of rows for programs."""

from dataclasses import dataclass
from typing import Literal

Scalar = str | int | float | bool | None
Mark = Literal["", "best", "second"]


@dataclass(frozen=True)
class Text:
    """Words; escaped by every format that needs it."""

    text: str


@dataclass(frozen=True)
class Number:
    """A number taken from elsewhere, with an optional flag that the legend explains."""

    value: float
    flag: str = ""
    decimals: int = 2


@dataclass(frozen=True)
class Estimate:
    """A number of ours. The spread is over `seeds`, or, in parentheses, the sampling error over `users`."""

    value: float
    spread: float | None = None
    over: Literal["seeds", "users"] = "seeds"
    mark: Mark = ""
    flag: str = ""
    raised: str = ""
    """Letters of the rows that this one beats."""
    decimals: int = 2


@dataclass(frozen=True)
class Difference:
    """Ours minus printed, and what to make of it."""

    value: float | None
    verdict: str


@dataclass(frozen=True)
class Change:
    """What a variant adds or costs, and the interval that lies in where it is known; `flag` as in `Number`."""

    value: float
    interval: tuple[float, float] | None = None
    flag: str = ""

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.interval is not None and not self.interval[0] <= 0 <= self.interval[1]


@dataclass(frozen=True)
class Quantity:
    """A measured amount of any size, to three significant digits."""

    value: float


Cell = Text | Number | Estimate | Difference | Change | Quantity
NOTHING = Text("–")


@dataclass(frozen=True)
class Column:
    """Columns of one group share a heading where the format can draw one."""

    name: str
    group: str = ""
    numeric: bool = True


@dataclass(frozen=True)
class Block:
    """One grid; every row is as long as `columns`."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Table:
    """What every format renders. `columns` and `rows` hold the same facts, unrounded, for CSV and JSON."""

    name: str
    title: str
    legend: tuple[str, ...]
    blocks: tuple[Block, ...]
    columns: tuple[str, ...]
    rows: tuple[dict[str, Scalar], ...]


def parts(cell: Cell) -> tuple[str, Mark, str, str]:
    """A cell as plain text: what a mark would emphasise, the mark, what is raised behind it, and the rest."""
    match cell:
        case Text(text):
            return text, "", "", ""
        case Number(value, flag, decimals):
            return f"{value:.{decimals}f}{flag}", "", "", ""
        case Estimate(value, spread, over, mark, flag, raised, decimals):
            error = "" if spread is None else f"± {spread:.{decimals}f}"
            around = f" ({error})" if error and over == "users" else f" {error}".rstrip()
            return f"{value:.{decimals}f}", mark, raised, around + flag
        case Difference(value, verdict):
            return ("", "", "", verdict) if value is None else (signed(value), "", "", f" {verdict}")
        case Change(value, interval, flag):
            around = f" [{signed(interval[0])}, {signed(interval[1])}]" if interval else ""
            return signed(value), "best" if cell.clear else "", "", around + flag
        case Quantity(value):
            return significant(value), "", "", ""


def significant(value: float, digits: int = 3) -> str:
    """The number to so many digits, never as a power of ten: 0.0441, 3.30, 1,235."""
    exponent = int(f"{value:.{digits - 1}e}".partition("e")[2]) if value else digits - 1
    return f"{value:,.{max(0, digits - 1 - exponent)}f}"


def signed(value: float) -> str:
    """Two decimals, always with a sign, a true minus, and no negative zero."""
    return f"{round(value, 2) + 0.0:+.2f}".replace("-", "−")
