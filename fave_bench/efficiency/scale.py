"""Growth: data of Steam's size from a raw file to the ranks of every user, then with twice the users and the items.

Each part runs in a process of its own, so that its peak memory is its own: `prepare` reads a file of one action a line
and keeps the sequences, `batches` lays out every training batch of one epoch, `evaluate` fits an untrained model and
ranks every test user exactly. Models with a sampler take one step, which needs the memory of any number of steps.
"""

import multiprocessing
import os
import resource
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from fave_bench import data, presets
from fave_bench.cli import say
from fave_bench.data import steam_shaped as shape
from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import leave_one_out
from fave_bench.efficiency.serving import Serving
from fave_bench.efficiency.subjects import Subject
from fave_bench.evaluation.ranks import rank_phase
from fave_bench.measure import Request
from fave_bench.models import registry
from fave_bench.models.contract import GenerativeRecommender
from fave_bench.records.measurements import ScaleRow
from fave_bench.training.samples import Samples

PRESET = "steam"
GROWTH = {"": (1, 1), "twice the users": (2, 1), "twice the items": (1, 2)}
"""Variant -> factors on users (and their actions) and on items."""
GIB = 2**30
BATCH_SIZE, WINDOW = 512, 50


def rows(request: Request) -> Iterator[ScaleRow]:
    """One row per part and size; every model is evaluated in its preset's first row."""
    for variant, (users, items) in GROWTH.items():
        size = (shape.USERS * users, shape.ITEMS * items, shape.ACTIONS * users)
        say(f"{size[0]} users, {size[1]} items, {size[2]} actions")
        labels = {"setting": "", "dataset": "steam-shaped", "variant": variant, "users": size[0], "items": size[1]}
        with TemporaryDirectory() as folder:
            path = Path(folder) / "actions.csv"
            _alone(_write, path, size)
            for part, work in (("prepare", _prepare), ("batches", _batches)):
                seconds, peak = _alone(work, path, request.device)
                yield ScaleRow(model="data", title="data", part=part, seconds=seconds, peak_gib=peak, **labels)
            for name in request.models:
                setting, _ = presets.rows(PRESET, name)[0]
                seconds, peak = _alone(_evaluate, path, request.device, name)
                row = labels | {"model": name, "title": registry.load(name).title or name, "setting": setting}
                yield ScaleRow.model_validate(row | {"part": "evaluate", "seconds": seconds, "peak_gib": peak})


def _alone(work: Callable[..., None], path: Path, *arguments: Any) -> tuple[float, float]:
    """Seconds that `work` takes in a fresh process, imports not counted, and that process's peak memory in GiB."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_watched, work, path, *arguments).result()


def _watched(work: Callable[..., None], path: Path, *arguments: Any) -> tuple[float, float]:
    os.environ["FAVE_BENCH_CACHE"] = str(path.parent)
    began = time.perf_counter()
    work(path, *arguments)
    return time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB


def _write(path: Path, size: tuple[int, int, int]) -> None:
    """The generated actions as a file that a user might have: user, item, time."""
    sequences = shape.steam_shaped(*size)
    columns = np.column_stack([sequences.owner, sequences.items, np.arange(sequences.num_actions)])
    with path.open("w", encoding="ascii") as file:
        file.write("user,item,time\n")
        for lines in np.array_split(columns, len(columns) // 100_000 + 1):
            file.write("\n".join(f"{user},{item},{when}" for user, item, when in lines.tolist()) + "\n")


def _sequences(path: Path) -> Sequences:
    return data.load("scale", path)


def _prepare(path: Path, _device: torch.device) -> None:
    _sequences(path)


def _batches(path: Path, device: torch.device) -> None:
    sequences = _sequences(path)
    samples = Samples(sequences, leave_one_out(sequences), "prefix", WINDOW, device, sort=True)
    for number, rows in enumerate(samples.order(0, "scale", 0).split(BATCH_SIZE)):
        samples.batch(rows, number)


def _evaluate(path: Path, device: torch.device, name: str) -> None:
    sequences = _sequences(path)
    setting, variant = presets.rows(PRESET, name)[0]
    model = Subject(presets.plan(PRESET, name, setting, variant, {}), sequences).build(device)
    items = torch.as_tensor(sequences.items, dtype=torch.int64, device=device)
    asked = Serving(model, steps=1 if isinstance(model, GenerativeRecommender) else None)
    rank_phase(asked, items, leave_one_out(sequences).test, window=model.config.window, seed=0, lists=20)
