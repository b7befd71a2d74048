"""What one user waits for, and how much of a speed-up is the number of steps."""

from fave_bench.rendering.blocks.words import numbers, require_dataset
from fave_bench.rendering.claims.claim import Row, number
from fave_bench.rendering.contents import Contents
from fave_bench.rendering.markdown import escape
from fave_bench.rendering.newest import Place
from fave_bench.rendering.printed_efficiency import read_efficiency
from fave_bench.rendering.table_model import Scalar, significant


def speed(contents: Contents, dataset: str) -> str:
    """A row per place, model and number of steps, the fastest first; p50 of one user, in milliseconds.

    The last column is the optimised time over that of the papers' own model in its first setting.
    """
    own = read_efficiency().models[-1]
    timed = [row for row in contents.rows("efficiency", part="speed", dataset=dataset) if row["p50_ms"] is not None]
    eager = {_who(row): _time(row) for row in timed if row["execution"] == "eager"}
    optimised = [row for row in timed if row["execution"] == "optimised"]
    first = [row for row in optimised if row["title"] == own and row["own_steps"]]
    base = {_place(row): _time(row) for row in reversed(first)}
    if not optimised:
        require_dataset(contents, dataset)
        return "None yet."
    rows = [
        [
            escape(str(_place(row))),
            escape(", ".join(str(row[key]) for key in ("title", "setting", "variant") if row[key])),
            str(row["steps"] or "–"),
            significant(eager[_who(row)]) if _who(row) in eager else "–",
            significant(_time(row)),
            significant(_time(row) / base[_place(row)]) if _place(row) in base else "–",
        ]
        for row in sorted(optimised, key=lambda row: (str(_place(row)), _time(row)))
    ]
    heads = ["device", "model", "steps", "eager, ms ↓", "optimised, ms ↓", f"÷ {own}'s"]
    return numbers(heads, rows, words=2)


def _place(row: Row) -> Place:
    return Place(str(row["device"]), int(number(row["threads"])))


def _who(row: Row) -> tuple[Place | Scalar, ...]:
    return _place(row), *(row[key] for key in ("title", "setting", "variant", "steps"))


def _time(row: Row) -> float:
    return number(row["p50_ms"])
