"""The parts put together: a template, a style sheet and a script in one file that fetches nothing."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from fave_bench.rendering.contents import Contents
from fave_bench.rendering.page import provenance
from fave_bench.rendering.page.cards import cards
from fave_bench.rendering.page.drawing import inline_svg
from fave_bench.rendering.page.headline import headline
from fave_bench.rendering.page.verdicts import VERDICTS
from fave_bench.rendering.table_model import Block
from fave_bench.rendering.webpage import GRID_STYLE, grid

HERE = Path(__file__).parent


def assemble(contents: Contents) -> str:
    """The page. Every word that comes from data is escaped; tables and pictures escape their own."""
    return _environment().get_template("page.html").render(
        style=Markup(GRID_STYLE + "\n" + (HERE / "page.css").read_text(encoding="utf-8")),
        script=Markup((HERE / "page.js").read_text(encoding="utf-8")),
        contents=contents,
        headline=headline(contents),
        verdicts=VERDICTS,
        cards=cards(contents.records),
        provenance=provenance.blocks(contents),
        notes=sorted({note for record in contents.records for note in record.notes}),
    )  # fmt: skip


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"grid": _grid, "svg": lambda picture: Markup(inline_svg(picture))}
    return environment


def _grid(block: Block) -> Markup:
    return Markup(grid(block))
