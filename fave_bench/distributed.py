"""One run on several processes: what they tell each other, and how they end together.

All do the same in the same order, and before anything is exchanged they meet. A process that fails goes to the next
meeting to say so, and there every other one fails with the same sentence. So nobody waits for one that will not come,
and no code in between has to know about it.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from fave_bench import launcher
from fave_bench.errors import BenchError, UsageError

T = TypeVar("T")
PATIENCE = timedelta(minutes=30)
"""How long a process waits for the others, whose work at a meeting's place may be longer: reading data, writing."""
AGENDA = 3
"""Numbers exchanged at a meeting: who failed, and two of the caller's."""


class Lost(BenchError):
    """Another process is gone and has not said why."""


class World:
    """The processes of a run, as one of them sees them. With one process every method does nothing, at no cost."""

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank, self.size = rank, size

    @property
    def main(self) -> bool:
        """Whether this is the process that prints, writes and decides."""
        return self.rank == 0

    def meet(self, *values: float) -> list[float]:
        """The largest of everybody's, value by value; at most two. Raises what another process has failed with."""
        return list(values) if self.size == 1 else self._meeting(None, values)

    def tell(self, error: Exception) -> None:
        """Go to the next meeting and say there that this process has failed."""
        if self.size > 1 and not isinstance(error, Lost | _Told):
            with suppress(Lost):
                self._meeting(error, ())

    def add(self, tensor: Tensor) -> None:
        """Put the sum over all processes in the place of `tensor`, the same bits in each."""
        if self.size > 1:
            self.meet()
            with _reaching_everybody():
                dist.all_reduce(tensor)

    def copy_main(self, tensor: Tensor) -> None:
        """Put the main process's numbers in the place of `tensor`."""
        if self.size > 1:
            self.meet()
            with _reaching_everybody():
                dist.broadcast(tensor, src=0)

    def from_main(self, make: Callable[[], T]) -> T:
        """What `make` gives in the main process, where alone it is called: plain values and tensors."""
        if self.size == 1:
            return make()
        value = make() if self.main else None
        self.meet()
        return self._sent(value, source=0)

    def main_first(self, make: Callable[[], T]) -> T:
        """`make()`, in the main process before it is called in the others, which find what it has left in a cache."""
        if self.main:
            value = make()
            self.meet()
            return value
        self.meet()
        return make()

    def _meeting(self, error: Exception | None, values: tuple[float, ...]) -> list[float]:
        failed = self.size - self.rank if error else 0  # so that the largest is the first process that failed
        told = torch.zeros(AGENDA, dtype=torch.float64)
        told[: len(values) + 1] = torch.tensor([failed, *values], dtype=torch.float64)
        with _reaching_everybody():
            dist.all_reduce(told, dist.ReduceOp.MAX)
        if told[0] > 0:
            code, sentence = self._sent(_said(error) if error else None, source=self.size - int(told[0]))
            if error is None:
                raise _Told(sentence, code)
        return told[1 : len(values) + 1].tolist()

    def _sent(self, value: Any, source: int) -> Any:
        """What the process `source` has as `value`. Reading it runs no code."""
        file = io.BytesIO()
        if self.rank == source:
            torch.save(value, file)
        with _reaching_everybody():
            length = torch.tensor([file.tell()])
            dist.broadcast(length, src=source)
            content = torch.zeros(int(length), dtype=torch.uint8)
            if self.rank == source:
                content = torch.frombuffer(file.getbuffer(), dtype=torch.uint8)
            dist.broadcast(content, src=source)
        return torch.load(io.BytesIO(content.numpy().tobytes()), weights_only=True)


ALONE = World()


class _Told(BenchError):
    """What another process failed with, in its words."""

    def __init__(self, sentence: str, exit_code: int) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


def together(work: Callable[[World], int], device: torch.device) -> int:
    """Do `work` in every process that torchrun started, this one on `device`: the largest exit status of all.

    Raises what `work` raises, in every process, wherever it was raised.
    """
    if launcher.size() == 1:
        return work(ALONE)
    world = _joined(device)
    try:
        alike = world.meet(device.type == "cuda", device.type != "cuda")
        if all(alike):
            raise UsageError("some processes have a GPU of their own and some have none; give --device cpu to all")
        code = int(world.meet(work(world))[0])
    except Exception as error:
        world.tell(error)
        raise
    dist.destroy_process_group()
    return code


def _joined(device: torch.device) -> World:
    """GPUs talk by NCCL; everything that is decided on the host goes by gloo, so that no GPU is waited for."""
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    if device.type == "cuda":
        torch.cuda.set_device(device)
    with _reaching_everybody():
        dist.init_process_group(backend, timeout=PATIENCE)
    return World(dist.get_rank(), dist.get_world_size())


def _said(error: Exception) -> tuple[int, str]:
    """Exit status and sentence, as this process's own end would have them."""
    if isinstance(error, BenchError):
        return error.exit_code, str(error)
    return 1, f"{type(error).__name__}: {error}"


@contextmanager
def _reaching_everybody() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # of gloo and NCCL alike: a connection is closed, or nobody came within `PATIENCE`
        reason = str(error).strip().partition("\n")[0]
        raise Lost(
            f"a process of this run is gone without a word ({reason}); the same command goes on from the checkpoint"
        ) from None
