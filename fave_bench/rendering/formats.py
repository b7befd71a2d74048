"""Every format a table can take, by the ending of its file."""

from collections.abc import Callable

from fave_bench.rendering.flat import as_csv, as_json
from fave_bench.rendering.latex import latex
from fave_bench.rendering.markdown import markdown
from fave_bench.rendering.table_model import Table
from fave_bench.rendering.webpage import webpage

FORMATS: dict[str, Callable[[Table], str]] = {
    "md": markdown,
    "tex": latex,
    "csv": as_csv,
    "html": webpage,
    "json": as_json,
}
