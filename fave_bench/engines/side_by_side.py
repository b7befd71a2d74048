"""This machine, several runs at once, for a device that one small model does not fill."""

from collections.abc import Generator, Sequence
from contextlib import closing

from fave_bench.engines.dispatch import Dispatch
from fave_bench.engines.local import Local
from fave_bench.engines.processes import Processes
from fave_bench.interruption import Interruption
from fave_bench.records import Record, Store
from fave_bench.runner import Run


class SideBySide(Local):
    """See `engines.Engine`. Several runs share the device, each in a process of its own; one alone is made here."""

    def __init__(self, device: str, jobs: int) -> None:
        super().__init__(device)
        self.jobs = jobs

    def outcomes(
        self, runs: Sequence[Run], store: Store, interruption: Interruption, *, share_stages: bool
    ) -> Generator[tuple[Run, Record | Exception], None, None]:
        with closing(Processes(self.device, self.jobs)) as processes:
            yield from Dispatch(runs, store, processes, interruption, share_stages=share_stages).outcomes()
