"""This machine, several runs at once: a small model leaves most of a GPU idle, and most of many cores."""

from collections.abc import Generator, Sequence
from contextlib import closing

from fave_bench.efficiency.environment import resolve_device
from fave_bench.engines.dispatch import Dispatch
from fave_bench.engines.processes import Processes
from fave_bench.interruption import Interruption
from fave_bench.records import Record, Store
from fave_bench.runner import Run


class SideBySide:
    """See `engines.Engine`. Runs share the device, each in a process of its own."""

    def __init__(self, device: str, jobs: int) -> None:
        self.device, self.jobs = resolve_device(device), jobs

    def execute(self, run: Run, store: Store, interruption: Interruption) -> Record:
        return run.execute(store, interrupted=interruption)

    def outcomes(
        self, runs: Sequence[Run], store: Store, interruption: Interruption, *, share_stages: bool
    ) -> Generator[tuple[Run, Record | Exception], None, None]:
        with closing(Processes(self.device, self.jobs)) as processes:
            yield from Dispatch(runs, store, processes, interruption, share_stages=share_stages).outcomes()
