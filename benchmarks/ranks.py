"""How long exact ranks take beside the model: 22,363 users, 12,102 score columns, d 128 (Beauty's size).

Compared with the usual way, one topk per batch, which yields neither exact ranks nor the second protocol.
Run: python benchmarks/ranks.py
"""

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from fave_bench.data.splits import Phase
from fave_bench.evaluation.ranks import rank_phase
from fave_bench.models.contract import ModelConfig, Recommender
from fave_bench.randomness import Draw

USERS, ITEMS, WIDTH, LENGTH = 22_363, 12_101, 128, 9


class Factors(Recommender):
    """Random user and item vectors: a model that costs one product and nothing else."""

    title = "factors"

    def __init__(self) -> None:
        super().__init__(ModelConfig(), ITEMS)
        generator = torch.Generator().manual_seed(0)
        self.user = torch.randn(USERS, WIDTH, generator=generator)
        self.item = torch.randn(ITEMS + 1, WIDTH, generator=generator)

    def scores(self, history: Tensor, *, draw: Draw) -> Tensor:
        return self.user[draw.users] @ self.item.T  # type: ignore[attr-defined]


class Given(Recommender):
    """Scores that cost nothing, so that ranking is timed alone."""

    title = "given"

    def __init__(self) -> None:
        super().__init__(ModelConfig(), ITEMS)
        self.given = torch.randn(512, ITEMS + 1, generator=torch.Generator().manual_seed(0))

    def scores(self, history: Tensor, *, draw: Draw) -> Tensor:
        return self.given[: len(history)]


def main() -> None:
    generator = torch.Generator().manual_seed(1)
    items = torch.randint(1, ITEMS + 1, (USERS * LENGTH,), dtype=torch.int32, generator=generator)
    start = np.arange(USERS) * LENGTH
    phase = Phase(np.arange(USERS), start, start + LENGTH - 1)
    factors, given = Factors(), Given()
    batches = torch.arange(USERS).split(512)
    timings: dict[str, Callable[[], object]] = {
        "the product alone": lambda: [factors.user[rows] @ factors.item.T for rows in batches],
        "topk(20) per batch, product given": lambda: [given.given[: len(rows)].topk(20) for rows in batches],
        "exact ranks, both protocols, product given": lambda: rank_phase(given, items, phase, window=50, seed=0),
        "exact ranks, both protocols": lambda: rank_phase(factors, items, phase, window=50, seed=0),
        "exact ranks and top-20 lists, product given": lambda: rank_phase(
            given, items, phase, window=50, seed=0, lists=20
        ),
    }
    print(f"{USERS} users, {ITEMS + 1} columns, d {WIDTH}, {torch.get_num_threads()} threads, median of 5")
    for name, work in timings.items():
        print(f"{median_seconds(work):7.3f} s  {name}")


def median_seconds(work: Callable[[], object], times: int = 5) -> float:
    work()
    seconds = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return float(np.median(seconds))


if __name__ == "__main__":
    main()
