"""A cluster without a cluster: it performs orders here, one when it is asked what is new, and loses some."""

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from processes import SMALL, small_world

from fave_bench import presets
from fave_bench.engines.desk import Begun, Ended, Said
from fave_bench.engines.dispatch import Done, Lost
from fave_bench.engines.task import perform
from fave_bench.errors import BenchError
from fave_bench.records import Store
from fave_bench.runner import Run
from fave_bench.spec import Spec

META = torch.device("meta")
FAMILY = [{}, {"model.gamma": 0.0}, {"model.match": "off"}]
"""Changes that leave the first stage of the small world's fave as it is."""


@contextmanager
def world_at(folder: Path) -> Iterator[Path]:
    """`processes.small_world`, as this process sees it, with one thread of arithmetic."""
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAVE_BENCH_DATA", str(small_world(folder) / "data"))
        patch.setenv("FAVE_BENCH_CACHE", str(folder / "cache"))
        patch.setattr(presets, "FOLDER", folder / "presets")
        torch.set_num_threads(1)
        yield folder
        torch.set_num_threads(threads)


def patient_world(folder: Path, epochs: int) -> Path:
    """`processes.small_world` with a sasrec of so many epochs, so of seconds, and a gru4rec that cannot be trained."""
    presets = small_world(folder) / "presets" / "default"
    sasrec = SMALL.format(width="d", more="", batch=64, stages=f"train]\nepochs = {epochs}\npatience = {epochs}")
    (presets / "sasrec.toml").write_text(sasrec.removesuffix("[paper.model]\n"))
    (presets / "gru4rec.toml").write_text("[training.stages.train]\nepochs = 2\nlearning_rate = 1e30\n[released]\n")
    return folder


def small_run(model: str, device: torch.device = META, **options: Any) -> Run:
    return Run(Spec("mine", model, **options), device)


def contents(store: Store) -> dict[str, Any]:
    """What must not depend on who computed it."""
    return {record.key: (record.metrics, record.files, record.diversity) for record in store.records()}


class FakeCluster:
    """`dispatch.Cluster` of one worker. `choose` picks the next of those queued; `lost` says whether it gets lost.

    What was performed before, in this `memory`, is not performed once more.
    """

    device, threads, jobs = torch.device("cpu"), 1, 1

    def __init__(
        self,
        choose: Callable[[list[str]], str] = min,
        lost: Callable[[str], bool] = lambda run: False,
        memory: dict[Any, Any] | None = None,
    ) -> None:
        self.choose, self.lost, self.memory = choose, lost, {} if memory is None else memory
        self.given: dict[str, bytes] = {}
        self.queue: dict[str, tuple[bytes, str]] = {}
        self.log: list[tuple[str, str]] = []
        self.asked_to_stop = False
        self.heard: list[Any] = []

    def share(self, name: str, given: Any) -> None:
        self.given.setdefault(name, pickle.dumps(given))

    def submit(self, run: str, order: Any, given: str) -> None:
        assert run not in self.queue, "a run is nowhere twice"
        self.queue[run] = (pickle.dumps(order), given)
        self.log.append(("submitted", run))

    def events(self, seconds: float) -> list[Any]:
        if not self.queue:
            return []
        run = self.choose(sorted(self.queue))
        order, given = self.queue.pop(run)
        if self.asked_to_stop:
            return [Done(run, Lost("cancelled"))]
        news, result = self._performed(run, pickle.loads(order), pickle.loads(self.given[given]))
        self.log += [(event.stage, run) for event in news if isinstance(event, Ended)]
        return [Begun(run, "here"), *news, Done(run, Lost("pulled the plug") if self.lost(run) else result)]

    def _performed(self, run: str, order: Any, given: Any) -> tuple[list[Ended | Said], Any]:
        known = (run, tuple(order.ends), order.checkpoint)
        if known not in self.memory:
            self.heard = []
            try:
                result: Any = perform(order, given, self)
            except BenchError as error:
                result = error
            self.memory[known] = (self.heard, result)
        return self.memory[known]

    def stopping(self) -> bool:
        return self.asked_to_stop

    def leave(self, run: str, stage: str, end: bytes) -> None:
        self.heard.append(Ended(run, stage, end))

    def save(self, run: str, checkpoint: Path) -> None:
        pass

    def tell(self, run: str, line: str) -> None:
        self.heard.append(Said(run, line))

    def stop(self) -> None:
        self.asked_to_stop = True

    def size(self) -> str:
        return "nodes: 1"
