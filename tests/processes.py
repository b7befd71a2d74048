"""Verbs in processes of their own, forked from one warm parent, so that many can be started, and killed."""

import importlib
import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

from helpers import actions_csv

from fave_bench.cli import entry

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    ["processes", "baselines.sasrec", "fave_bench.campaign", "fave_bench.efficiency.flops", "fave_bench.published",
     "fave_bench.runner", "torch._dynamo"]  # the last one for torch's optimizers, which take a second to import it
)  # fmt: skip
SMALL = """
[model]
window = 10
{width} = 16
blocks = 1
{more}
[training]
batch_size = {batch}
[training.stages.{stages}
[released]
[paper.model]
"""


def start(function: Callable[..., None], *arguments: object) -> BaseProcess:
    """A process that calls an importable function."""
    process = CONTEXT.Process(target=function, args=arguments)
    process.start()
    return process


def start_verb(verb: str, arguments: list[str], folder: Path, prepare: Callable[[], object] = bool) -> BaseProcess:
    """A verb as a shell would start it, in the world that `small_world` made; what it says goes to `folder`/said."""
    return start(_verb, verb, arguments, folder, prepare)


def be(rank: int, size: int, port: int) -> None:
    """From now on this process is one of several, as torchrun would have it."""
    world = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size, "MASTER_PORT": port}
    os.environ |= {name: str(value) for name, value in world.items()} | {"MASTER_ADDR": "127.0.0.1"}


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def ended(process: BaseProcess, seconds: float = 240) -> int:
    """The exit status; minus the signal's number where it died of one."""
    process.join(seconds)
    assert process.exitcode is not None, "it hangs"
    return process.exitcode


def small_world(folder: Path, batch: int = 64) -> Path:
    """A data set `mine` and presets of small models, trained in steps of `batch` samples, below `folder`."""
    (folder / "data" / "mine").mkdir(parents=True)
    actions_csv(folder / "data" / "mine" / "mine.csv")
    presets = folder / "presets" / "default"
    presets.mkdir(parents=True)
    stages = "train]\nepochs = 4\nclip_norm = 0.1"
    (presets / "sasrec.toml").write_text(SMALL.format(width="d", more="", batch=batch, stages=stages))
    stages = "pretrain]\nepochs = 2\nclip_norm = 0.1\n[training.stages.finetune]\nepochs = 1\nclip_norm = 0.1"
    more = "tap = 1\ndecoder = [16, 16]\nsteps = 2"
    (presets / "fave.toml").write_text(SMALL.format(width="width", more=more, batch=batch, stages=stages))
    return folder


def _verb(verb: str, arguments: list[str], folder: Path, prepare: Callable[[], object]) -> None:
    import torch

    from fave_bench import presets
    from fave_bench.training import loop

    os.environ |= {"FAVE_BENCH_CACHE": str(folder / "cache"), "FAVE_BENCH_DATA": str(folder / "data")}
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a shell started in the background
    presets.FOLDER = folder / "presets"
    loop.CHECKPOINT_EVERY = 0.0
    prepare()
    with (folder / "said").open("a") as said:
        sys.stdout = sys.stderr = said
        entry(lambda _: importlib.import_module(f"fave_bench.{verb}").main(arguments), shares=verb == "run")
