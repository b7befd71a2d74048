"""What paper_tables/ holds: every table, every figure and the report, all rendered from results/."""

from pathlib import Path

from fave_bench import figure, report, table, views
from fave_bench.errors import BenchError
from fave_bench.files import replacing
from fave_bench.rendering.claims.judged import claims_table
from fave_bench.rendering.formats import FORMATS
from fave_bench.rendering.page.assembly import assemble

FIGURES = "figures"
BY_HAND = ("README.md", "reference")
"""What is not rendered: the folder's description, and the papers' printed numbers."""


def files(results: Path, folder: Path) -> dict[Path, bytes]:
    """Path in `folder` -> content. Raises NothingToShow where nothing was run or measured."""
    shown, rendered = views.contents(results), dict[Path, bytes]()
    for made in (*shown.tables, claims_table(shown)):
        rendered |= {folder / f"{made.name}.{ending}": form(made).encode() for ending, form in FORMATS.items()}
    for picture in shown.pictures:
        rendered |= figure.files_of(picture, folder / FIGURES)
    return rendered | {folder / report.FILE: assemble(shown).encode()}


def write(results: Path, folder: Path) -> list[Path]:
    """Render all of it; returns what was written, the report last."""
    rendered = files(results, folder)
    for path, content in rendered.items():
        with replacing(path) as file:
            file.write(content)
    return list(rendered)


def check(results: Path, folder: Path) -> int:
    """How many files of `folder` are, to the byte, what the records give.

    Raises BenchError that names each file that differs or is missing, and each one that nothing renders.
    """
    rendered = files(results, folder)
    stale = [path for path, content in rendered.items() if not path.is_file() or path.read_bytes() != content]
    strange = [path for path in _present(folder) if path not in rendered]
    said = [
        ("not what the records give: ", stale, "; render again"),
        ("rendered by nothing: ", strange, "; remove it" if len(strange) == 1 else "; remove them"),
    ]
    wrong = [before + ", ".join(map(str, sorted(paths))) + after for before, paths, after in said if paths]
    if wrong:
        raise BenchError("; ".join(wrong))
    return len(rendered)


def _present(folder: Path) -> list[Path]:
    """Files that ought to have been rendered; those of tables that need datasets are looked at by name."""
    found = [path for path in folder.rglob("*") if path.is_file() and path.relative_to(folder).parts[0] not in BY_HAND]
    return [path for path in found if path.parent != folder or path.stem not in table.FROM_DATA]
