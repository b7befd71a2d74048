"""Models by name. A name is a file's name; the file is imported when the model is asked for, not before."""

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points
from types import ModuleType

from fave_bench.errors import BenchError, unknown
from fave_bench.models.contract import Recommender

ENTRY_POINT_GROUP = "fave_bench.models"


@cache
def _places() -> dict[str, list[str]]:
    """Model name -> import paths, from this package, baselines/ and installed packages' entry points."""
    import baselines

    places = {"fave": ["fave_bench.models.fave"]}
    for module in pkgutil.iter_modules(baselines.__path__):
        if not module.name.startswith("_"):
            places.setdefault(module.name, []).append(f"baselines.{module.name}")
    for point in entry_points(group=ENTRY_POINT_GROUP):
        places.setdefault(point.name, []).append(point.value)
    return places


def names() -> list[str]:
    """All models that can be asked for, sorted."""
    return sorted(_places())


def load(name: str) -> type[Recommender]:
    """The model class of that name. A broken file breaks only its own model, with its reason."""
    places = _places()
    if name not in places:
        raise unknown("model", name, places)
    if len(places[name]) > 1:
        raise BenchError(f"model '{name}' is offered by {' and '.join(places[name])}; rename or remove all but one")
    path, _, attribute = places[name][0].partition(":")
    try:
        module = importlib.import_module(path)
    except Exception as error:
        raise BenchError(f"model '{name}' cannot be imported from {path}: {type(error).__name__}: {error}") from error
    return _only_model(module, attribute, name)


def _only_model(module: ModuleType, attribute: str, name: str) -> type[Recommender]:
    if attribute:
        candidates = [getattr(module, attribute, None)]
    else:
        candidates = [value for value in vars(module).values() if getattr(value, "__module__", None) == module.__name__]
    found = [c for c in candidates if isinstance(c, type) and issubclass(c, Recommender)]
    if len(found) != 1:
        raise BenchError(
            f"model '{name}': {module.__name__} must define exactly one Recommender, it defines {len(found)}"
        )
    return found[0]
