"""Where runs are computed: on this machine, one after the other or side by side, or as tasks of a Ray cluster."""

import argparse
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Protocol

from fave_bench.errors import UsageError

if TYPE_CHECKING:
    import torch

    from fave_bench.interruption import Interruption
    from fave_bench.records import Record, Store
    from fave_bench.runner import Run


class PutOff(Exception):
    """Why a run is left for another call."""


class Engine(Protocol):
    """What a verb needs to have runs computed. Engines differ in where and when, never in what."""

    @property
    def device(self) -> "torch.device":
        """Of the runs to be made; `meta` where that is a node's to say."""

    def execute(self, run: "Run", store: "Store", interruption: "Interruption") -> "Record":
        """One run; as `Run.execute`."""

    def outcomes(
        self, runs: "Sequence[Run]", store: "Store", interruption: "Interruption", *, share_stages: bool
    ) -> "Generator[tuple[Run, Record | Exception], None, None]":
        """Every run with its record or with why it failed, as they end; those without one were stopped.

        Where another process is at a run, its record is waited for. `share_stages`: see `Run.execute`. `PutOff` is
        no failure.
        """


def add_engine(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    """The options that say where runs are computed; `several`: of a verb that has more than one to make."""
    parser.add_argument("--engine", choices=("local", "ray"), default="local", help="ray: a cluster (default local)")
    parser.add_argument(
        "--ray-address",
        metavar="ADDRESS",
        help="HOST:PORT of its head, or auto (default: RAY_ADDRESS, else a cluster of this machine alone)",
    )
    if several:
        parser.add_argument(
            "--jobs", type=int, default=1, metavar="N",
            help="so many runs side by side on this machine's device (default 1); a GPU has room for several",
        )  # fmt: skip


def chosen(arguments: argparse.Namespace, unsuited: "Callable[[Run], str | None]" = lambda run: None) -> Engine:
    """The engine that the options of `add_engine` and `cli.add_device` name.

    `unsuited` says, when a run's turn comes, why it should be left for another call; only where one comes after the
    other is it asked.
    """
    jobs = getattr(arguments, "jobs", 1)
    if jobs < 1:
        raise UsageError(f"--jobs {jobs}: give a positive number of runs to make at once")
    if arguments.engine == "ray":
        if jobs > 1:
            raise UsageError("--jobs: a Ray cluster makes as many runs at once as it has room for; leave it out")
        from fave_bench.engines.on_ray import OnRay

        return OnRay(arguments.device, arguments.ray_address)
    if arguments.ray_address:
        raise UsageError("--ray-address: it is for --engine ray; give both, or neither")
    if jobs > 1:
        from fave_bench.engines.side_by_side import SideBySide

        return SideBySide(arguments.device, jobs)
    from fave_bench.engines.local import Local

    return Local(arguments.device, unsuited)
