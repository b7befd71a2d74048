"""What people found out about rows of a results folder: why they differ from what is printed for them."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import StringConstraints, TypeAdapter, ValidationError

from fave_bench.errors import BenchError, first_complaint

FILE = "notes.toml"
Note = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, min_length=1)]
Notes = Mapping[str, Mapping[str, str]]
"""Dataset -> `model:setting` or `model:setting:variant` -> a sentence or two."""
SHAPE = TypeAdapter(dict[str, dict[str, Note]])


def notes(root: Path) -> Notes:
    """What the results folder's notes.toml says; nothing where it has none. Raises BenchError for a file that is none.

    A row's records are what a run left, and stay so; what is learned about them later is written beside them.
    """
    path = root / FILE
    if not path.exists():
        return {}
    try:
        return SHAPE.validate_python(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise BenchError(f"{path}: {first_complaint(error)}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise BenchError(f"{path}: {error}") from None
