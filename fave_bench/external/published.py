"""Weights that a model's authors publish, fetched with the sequences that number the items as these weights do."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fave_bench import presets
from fave_bench.data import cache, catalogue
from fave_bench.data.catalogue import Download
from fave_bench.data.download import fetch
from fave_bench.errors import BenchError, UsageError, unknown
from fave_bench.models import registry


@dataclass(frozen=True)
class Offer:
    """Two files of the authors', which lie in `folder` once they have been fetched."""

    folder: Path
    of_weights: Download
    of_data: Download

    @property
    def url(self) -> str:
        return self.of_weights.url

    def weights(self) -> Path:
        return self._fetched(self.of_weights, "get it there, and give it with --weights")

    def data(self) -> Path:
        return self._fetched(self.of_data, "get it there, and give it with --from")

    def _fetched(self, download: Download, instead: str) -> Path:
        try:
            return fetch(download, self.folder)
        except BenchError as error:
            raise BenchError(f"{error}; {instead}") from error


def offered(dataset: str, model: str, stage: str | None) -> Offer:
    """What the authors of `model` offer for the dataset, after that training stage (None: the last one).

    Raises UsageError where they offer nothing.
    """
    kind: Any = registry.load(model)
    known = presets.published(dataset, model)
    if known is None:
        others = [name for name in catalogue.names() if presets.published(name, model)]
        where = f"; there are some for {', '.join(others)}" if others else ""
        raise UsageError(f"--published: no weights of {kind.title}'s authors are known for '{dataset}'{where}")
    stage = stage or kind.released_stage
    if stage not in known.weights:
        raise unknown(f"stage of {model}", str(stage), known.weights)
    return Offer(cache.folder(dataset) / model, known.weights[stage], known.data)
