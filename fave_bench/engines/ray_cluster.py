"""A Ray cluster as `engines.dispatch.Cluster`: one run is one task. All that knows Ray's own interface is here.

Nodes need the packages this project depends on, and nothing else: its code travels as the job's working directory, what
runs take from files through the object store, and results as values.
"""

import logging
import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ray
import torch
from ray import exceptions
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from fave_bench.engines.desk import Begun, Desk, Ended, Said
from fave_bench.engines.dispatch import Done, Event, Lost
from fave_bench.engines.task import Order, Returned, perform
from fave_bench.errors import BenchError
from fave_bench.runner import Given

ANSWER_WITHIN = 10.0
"""Seconds that the head of a cluster has to take a call."""
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
"""A cluster of our own reports to nobody, and does not announce what a later version will do about unasked GPUs."""
CARRIED = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_")
"""Variables of the environment that decide how fast a step is (see run_all.sh)."""
LOSSES = (
    exceptions.WorkerCrashedError,
    exceptions.NodeDiedError,
    exceptions.LocalRayletDiedError,
    exceptions.ObjectLostError,
    exceptions.OutOfMemoryError,
    exceptions.TaskCancelledError,
)
"""How Ray says that nobody is to blame, or only the run: worth another attempt."""


class RayCluster:
    """A connection; close it, or tasks live until this process ends."""

    jobs = 1

    def __init__(self, address: str | None, device: str) -> None:
        """`device`: auto, cpu or cuda. Raises BenchError where nobody answers at `address`, or has such a device."""
        _connect(address or os.environ.get("RAY_ADDRESS"))
        try:
            self.device = self._device(device)
            self.threads = min(torch.get_num_threads(), max(1, *self._of_each_node("CPU")))
            here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
            self.desk: Any = ray.remote(Desk).options(num_cpus=0, scheduling_strategy=here).remote()
            self.task: Any = ray.remote(_perform).options(max_retries=0, **self._need())
        except BaseException:
            self.close()
            raise
        self.given: dict[str, Any] = {}
        self.tasks: dict[Any, str] = {}
        self.begun: set[str] = set()

    def share(self, name: str, given: Given) -> None:
        if name not in self.given:
            self.given[name] = ray.put(given)

    def submit(self, run: str, order: Order, given: str) -> None:
        self.begun.discard(run)
        self.tasks[self.task.remote(run, order, self.given[given], self.desk)] = run

    def events(self, seconds: float) -> Sequence[Event]:
        over: list[Any] = []
        if self.tasks:
            over, _ = ray.wait(list(self.tasks), num_returns=len(self.tasks), timeout=seconds)
        else:
            time.sleep(seconds)
        news: list[Begun | Ended | Said] = ray.get(self.desk.news.remote())
        self.begun |= {event.run for event in news if isinstance(event, Begun)}
        return [*news, *(Done(self.tasks.pop(task), _result(task)) for task in over)]

    def stop(self) -> None:
        ray.get(self.desk.stop.remote())
        for task, run in self.tasks.items():
            if run not in self.begun:
                ray.cancel(task)

    def size(self) -> str:
        return f"nodes: {sum(bool(node['Alive']) for node in ray.nodes())}"

    def close(self) -> None:
        """End what is still running."""
        ray.shutdown()

    def _device(self, name: str) -> torch.device:
        gpus = max(self._of_each_node("GPU"), default=0)
        if name == "cuda" and not gpus:
            raise BenchError("--device cuda: no node of the cluster has a GPU that Ray knows of; use --device cpu")
        return torch.device("cuda" if gpus and name != "cpu" else "cpu")

    def _need(self) -> dict[str, Any]:
        """What of a node a run takes for itself."""
        variables = {name: os.environ[name] for name in CARRIED if name in os.environ}
        environment = {"env_vars": {"OMP_NUM_THREADS": str(self.threads), **variables}}
        gpus = int(self.device.type == "cuda")
        return {"num_gpus": gpus, "num_cpus": 1 if gpus else self.threads, "runtime_env": environment}

    @staticmethod
    def _of_each_node(resource: str) -> list[int]:
        return [int(node["Resources"].get(resource, 0)) for node in ray.nodes() if node["Alive"]] or [0]


class _Driver:
    """The driver as `task.Driver`, seen from a task."""

    def __init__(self, desk: Any) -> None:
        self.desk = desk

    def stopping(self) -> bool:
        return bool(ray.get(self.desk.stopping.remote()))

    def leave(self, run: str, stage: str, end: bytes) -> None:
        ray.get(self.desk.tell.remote(Ended(run, stage, end)))

    def save(self, run: str, checkpoint: Path) -> None:
        """Not over a network: hundreds of MB a minute."""

    def tell(self, run: str, line: str) -> None:
        ray.get(self.desk.tell.remote(Said(run, line)))


def _perform(run: str, order: Order, given: Given, desk: Any) -> Returned:
    ray.get(desk.tell.remote(Begun(run, ray.util.get_node_ip_address())))
    return perform(order, given, _Driver(desk))


def _result(task: Any) -> Returned | Exception:
    try:
        returned: Returned = ray.get(task)
        return returned
    except exceptions.RayTaskError as error:
        return error.cause if isinstance(error.cause, Exception) else BenchError(_first_line(error))
    except LOSSES as error:
        return Lost(_first_line(error))
    except exceptions.RayError as error:
        return BenchError(_first_line(error))


def _connect(address: str | None) -> None:
    """Join the cluster at `address`, or start one on this machine where there is none."""
    if address:
        _answers(address)
    os.environ |= {name: value for name, value in QUIET.items() if name not in os.environ}
    starting: dict[str, Any] = {} if address else {"include_dashboard": False}
    with _packages() as folder, _signals_kept():
        try:
            ray.init(
                address=address or "local", runtime_env={"working_dir": str(folder)}, log_to_driver=False,
                logging_level=logging.ERROR, **starting,
            )  # fmt: skip
        except (exceptions.RayError, ConnectionError, RuntimeError, ValueError) as error:
            where = f"--ray-address {address}" if address else "a cluster on this machine"
            raise BenchError(f"{where}: {_first_line(error)}") from None


def _answers(address: str) -> None:
    """Raise BenchError where nobody takes a call at HOST:PORT; Ray itself would try for minutes."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "/" in address:
        raise BenchError(f"--ray-address {address}: give HOST:PORT of the cluster's head, or auto")
    try:
        socket.create_connection((host, int(port)), ANSWER_WITHIN).close()
    except (OSError, OverflowError) as error:
        raise BenchError(
            f"--ray-address {address}: nobody answers there ({error}); start one with `ray start --head`"
        ) from None


@contextmanager
def _packages() -> Iterator[Path]:
    """A folder with this project's code and nothing else, which is what nodes import."""
    import baselines
    import fave_bench

    with TemporaryDirectory() as folder:
        for package in (fave_bench, baselines):
            source = package.__path__[0]
            shutil.copytree(source, Path(folder) / package.__name__, ignore=shutil.ignore_patterns("__pycache__"))
        yield Path(folder)


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray handles SIGTERM in its own way from `init` on; here it is `Interruption` that does.

    And where a whole process group is sent one, as by timeout(1), a cluster that begins now must outlive it by the time
    that a checkpoint takes: what is started here has it blocked, and Ray kills in the end what will not terminate.
    """
    handler = signal.getsignal(signal.SIGTERM)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        with suppress(ValueError):  # not the main thread, where Ray leaves signals alone too
            signal.signal(signal.SIGTERM, handler)


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
