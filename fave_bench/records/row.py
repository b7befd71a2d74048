"""What every measured row says, whatever was measured."""

from pydantic import BaseModel, ConfigDict, Field


class Frozen(BaseModel):
    """Base of everything a measurement stores: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, protected_namespaces=())


class Row(Frozen):
    """Which model, configured how, for which data."""

    model: str
    """Name in the registry."""
    title: str
    """How tables print it."""
    dataset: str
    setting: str
    variant: str = ""
    other_data: bool = Field(False, exclude_if=lambda other: not other)
    """The data have the name of the papers' and are others. Not written where they are not, as in older rows."""


class RunRow(Row):
    """Measured on the weights of one recorded run."""

    run: str
    """Key of the record whose weights were used."""
    truncated: bool
    """The run was stopped by a budget."""
