"""Seconds and peak memory of the counting references on Steam-shaped data: build, then rank every test user.

281,428 users, 13,044 items, lengths from 5 with mean 12.4, items by a power law. Run: python benchmarks/references.py
"""

import resource
import time

import numpy as np
import torch

from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import leave_one_out
from fave_bench.evaluation.ranks import rank_phase
from fave_bench.models import registry

USERS, ITEMS, MEAN_LENGTH, SHORTEST = 281_428, 13_044, 12.4, 5


def steam_shaped() -> Sequences:
    random = np.random.default_rng(0)
    lengths = SHORTEST + random.geometric(1 / (MEAN_LENGTH - SHORTEST + 1), USERS) - 1
    share = 1 / np.arange(1, ITEMS + 1) ** 0.9
    items = random.choice(ITEMS, lengths.sum(), p=share / share.sum()) + 1
    return Sequences("steam-shaped", np.concatenate([[0], np.cumsum(lengths)]), items.astype(np.int32))


def main() -> None:
    sequences = steam_shaped()
    split, items = leave_one_out(sequences), torch.as_tensor(sequences.items, dtype=torch.int64)
    print(f"{sequences.num_users} users, {sequences.num_items} items, {sequences.num_actions} actions")
    for name in ("markov", "itemknn"):
        kind = registry.load(name)
        model = kind(kind.Config(), sequences.num_items)
        begun = time.perf_counter()
        model.fit(sequences, split)
        built = time.perf_counter()
        rank_phase(model, items, split.test, window=50, seed=0)
        done = time.perf_counter()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"{name}: built in {built - begun:.1f} s, ranked in {done - built:.1f} s, peak so far {peak:.2f} GiB")


if __name__ == "__main__":
    main()
