"""This machine, one run after the other."""

import time
from collections import deque
from collections.abc import Callable, Generator, Sequence

from fave_bench.cli import say
from fave_bench.efficiency.environment import resolve_device
from fave_bench.engines import PutOff
from fave_bench.interruption import Interruption
from fave_bench.locking import ASK_EVERY, Busy
from fave_bench.records import Record, Store
from fave_bench.runner import Run
from fave_bench.training.loop import Stopped


class Local:
    """See `engines.Engine`."""

    def __init__(self, device: str, unsuited: Callable[[Run], str | None] = lambda run: None) -> None:
        self.device, self.unsuited = resolve_device(device), unsuited

    def execute(self, run: Run, store: Store, interruption: Interruption) -> Record:
        return run.execute(store, interrupted=interruption)

    def outcomes(
        self, runs: Sequence[Run], store: Store, interruption: Interruption, *, share_stages: bool
    ) -> Generator[tuple[Run, Record | Exception], None, None]:
        queue, elsewhere = deque(runs), set[str]()  # what another process is at goes to the queue's end
        while queue and not interruption():
            run = queue[0]
            if run.key in elsewhere:  # nothing else is left
                time.sleep(ASK_EVERY)
            else:
                say(f"[{len(runs) - len(queue) + len(elsewhere) + 1}/{len(runs)}] {run}")
            if why := self.unsuited(run):
                yield queue.popleft(), PutOff(why)
                continue
            outcome: Record | Exception
            try:
                outcome = run.execute(store, interrupted=interruption, share_stages=share_stages)
            except Stopped:
                return
            except Busy:
                if run.key not in elsewhere:
                    say("  another process is at this run; coming back to it when the others are done")
                elsewhere.add(run.key)
                queue.rotate(-1)
                continue
            except Exception as error:
                outcome = error
            queue.popleft()
            yield run, outcome
