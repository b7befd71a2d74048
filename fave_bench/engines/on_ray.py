"""A Ray cluster, as many runs at once as it has room for."""

from collections.abc import Generator, Sequence
from importlib.util import find_spec

import torch

from fave_bench.engines.dispatch import Dispatch
from fave_bench.errors import BenchError, UsageError
from fave_bench.interruption import Interruption
from fave_bench.records import Record, Store
from fave_bench.runner import Run
from fave_bench.training.loop import Stopped


class OnRay:
    """See `engines.Engine`. The cluster is joined, or started, when there is something to do."""

    device = torch.device("meta")

    def __init__(self, device: str, address: str | None) -> None:
        if device not in ("auto", "cpu", "cuda"):
            raise UsageError(f"--device '{device}': use auto, cpu or cuda with --engine ray, which finds a free one")
        if find_spec("ray") is None:
            raise BenchError(
                "--engine ray: Ray is not installed; in this project's folder: pip install -e '.[cluster]'"
            )
        self.wanted, self.address = device, address

    def execute(self, run: Run, store: Store, interruption: Interruption) -> Record:
        for _, outcome in self.outcomes([run], store, interruption, share_stages=False):
            if isinstance(outcome, Exception):
                raise outcome
            return outcome
        raise Stopped

    def outcomes(
        self, runs: Sequence[Run], store: Store, interruption: Interruption, *, share_stages: bool
    ) -> Generator[tuple[Run, Record | Exception], None, None]:
        if not runs:
            return
        from ray.exceptions import RayError

        from fave_bench.engines.ray_cluster import RayCluster

        cluster = RayCluster(self.address, self.wanted)
        try:
            yield from Dispatch(runs, store, cluster, interruption, share_stages=share_stages).outcomes()
        except RayError as error:
            raise BenchError(f"the cluster was lost ({error}); the same command goes on from what is there") from None
        finally:
            cluster.close()
