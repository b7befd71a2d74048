"""The studies there are, read from their files and validated. Rendering uses this too, so it imports no model."""

import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fave_bench.errors import BenchError, first_complaint

FOLDER = Path(__file__).parent
S = TypeVar("S", bound=BaseModel)
Changes = dict[str, float | int | str | bool]
"""Dotted key of the configuration -> value."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, strict=True)


class Family(_Frozen):
    """Variants of one model, each compared with the full model."""

    model: str
    """Name in the registry."""
    setting: str
    """The setting that is varied, unless another is asked for."""
    about: str
    """What the family asks, in a line."""
    full: str
    """What tables call the full model; its name in the printed table too."""
    datasets: list[str] = Field(min_length=1)
    """Where to run it unless told."""
    printed: str | None = None
    """File of paper_tables/reference/ with the paper's numbers."""
    source: str = ""
    """Where the paper prints them."""
    common: Changes = {}
    """What all of its runs change, the full model's too."""
    variants: dict[str, Changes] = Field(min_length=1)
    """Name -> what it changes, in the order of the table."""

    def runs(self, variants: Iterable[str] | None = None) -> list[Changes]:
        """What the full model's run changes, then that of each variant; of all variants unless told which."""
        names = self.variants if variants is None else variants
        return [self.common, *(self.common | self.variants[name] for name in names)]


class Sweep(_Frozen):
    """One hyper-parameter over a grid."""

    model: str
    """Name in the registry."""
    setting: str
    """The setting whose value is varied."""
    symbol: str
    """As the paper writes it."""
    meaning: str
    """In a few words."""
    keys: list[str] = Field(min_length=1)
    """Dotted keys of the configuration that take the value, all of them."""
    datasets: list[str] = Field(min_length=1)
    """Where to run it unless told."""
    values: list[float] = Field(min_length=2)
    """The grid, unless another is asked for."""
    paper: str
    """The paper whose stated optimum is marked."""


class Further(_Frozen):
    """A row of a preset with something changed."""

    row: str
    """"model/setting" or "model/setting/variant"."""
    changes: Changes


class Order(_Frozen):
    """What a campaign does first."""

    rows: list[str]
    """"model", "model/setting" or "model/setting/variant", most wanted first."""
    families: list[str]
    """Ablations that follow the rows, in a campaign that covers them."""
    further: list[Further] = []
    """Rows between the two."""

    def place(self, row: str) -> int:
        """Where the row "model/setting/variant" stands: at the first line that is it, or begins it."""
        fits = (n for n, line in enumerate(self.rows) if f"{row}/".startswith(f"{line}/"))
        return next(fits, len(self.rows))


@cache
def campaign_order() -> Order:
    """The order of campaign.toml. Raises BenchError for a file that is none."""
    path = FOLDER / "campaign.toml"
    return _checked(Order, _read(path), path.name)


@cache
def families() -> dict[str, Family]:
    """Name -> family, `paper` first. Raises BenchError for a file that is not one."""
    paths = sorted((FOLDER / "ablations").glob("*.toml"), key=lambda path: (path.stem != "paper", path.stem))
    return {path.stem: _checked(Family, _read(path), path.name) for path in paths}


@cache
def sweeps() -> dict[str, Sweep]:
    """Parameter -> sweep, in the file's order."""
    path = FOLDER / "sweeps.toml"
    return {name: _checked(Sweep, tree, f"{path.name}: {name}") for name, tree in _read(path).items()}


def is_variation(model: str, changes: dict[str, Any]) -> bool:
    """Whether a run of `model` that changes so much of its preset is one of a study, and no row of the main comparison.

    A variant that a preset agrees with in part changes only the rest.
    """
    return bool(changes) and (
        any(
            all(run.get(key) == value for key, value in changes.items())
            for family in families().values()
            if family.model == model
            for run in family.runs()
        )
        or any(set(changes) <= set(sweep.keys) for sweep in sweeps().values() if sweep.model == model)
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BenchError(f"study {path.name}: {error}") from None


def _checked(kind: type[S], tree: dict[str, Any], where: str) -> S:
    try:
        return kind.model_validate(tree)
    except ValidationError as error:
        raise BenchError(f"study {where}: {first_complaint(error)}") from None
