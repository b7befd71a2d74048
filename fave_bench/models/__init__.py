"""The contract, the parts models share, and FAVE itself."""

from fave_bench.models.released import import_released

__all__ = ["import_released"]
