"""A figure before it is drawn: what it says in words, the numbers behind it, and how to draw them."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fave_bench.rendering.table_model import Scalar

if TYPE_CHECKING:  # a second to import, and only drawing needs it
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Picture:
    """`columns` and `rows` hold every number that `draw` shows, unrounded."""

    name: str
    title: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[dict[str, Scalar], ...]
    draw: "Callable[[], Figure]"

    def as_csv(self) -> str:
        """The numbers behind the picture: null is empty, truth is true or false."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        for row in self.rows:
            values = (row[column] for column in self.columns)
            writer.writerow(str(value).lower() if isinstance(value, bool) else value for value in values)
        return text.getvalue()

    def as_json(self) -> str:
        """``{"columns": […], "rows": [{column: value}]}``."""
        return json.dumps({"columns": self.columns, "rows": self.rows}, ensure_ascii=False, allow_nan=False) + "\n"
