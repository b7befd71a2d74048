"""A slice of a longer work: what one call recorded, in an archive for `merge`, and nothing begun that cannot fit."""

import argparse
import time
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

from fave_bench.cli import say
from fave_bench.engines import Engine, chosen
from fave_bench.errors import UsageError

if TYPE_CHECKING:
    from fave_bench.records import Store
    from fave_bench.runner import Run


def add_pack(parser: argparse.ArgumentParser) -> None:
    """The options that make a call a slice."""
    parser.add_argument(
        "--pack", type=Path, metavar="FILE", help="write what this call recorded to an archive for `merge`"
    )
    parser.add_argument("--pack-weights", action="store_true", help="with the weights, as far as they fit into 16 MiB")


def packing(arguments: argparse.Namespace) -> Callable[[], None]:
    """What, called later, packs that which is recorded from now on, if the options of `add_pack` want it."""
    if not arguments.pack:
        if arguments.pack_weights:
            raise UsageError("--pack-weights: say with --pack into which archive")
        return lambda: None
    if arguments.pack.is_dir():
        raise UsageError(f"--pack {arguments.pack}: a folder is there; give the name of a file")
    from fave_bench.records.packing import contents, pack

    known = contents(arguments.results)

    def packs() -> None:
        if contents(arguments.results) <= known:
            return say(f"nothing new was recorded, so {arguments.pack} is not written")
        packed = pack(arguments.results, arguments.pack, known=known, weights=arguments.pack_weights)
        say(f"{arguments.pack}: {len(packed.names)} files, {arguments.pack.stat().st_size / 2**20:.1f} MiB")
        for name in packed.left_out:
            say(f"not in it, for want of room: {name}")

    return packs


def engine_of(arguments: argparse.Namespace, store: "Store", until: float | None) -> Engine:
    """The engine asked for; where the call is a slice, one that leaves what is known to take longer than is left."""
    return chosen(arguments, unsuited(store, until)) if arguments.pack else chosen(arguments)


def unsuited(store: "Store", until: float | None) -> "Callable[[Run], str | None]":
    """Why a run should be left for another slice: it is known to take longer than what is left of this one."""
    from fave_bench.estimates import Estimates, in_words

    estimates = Estimates(store)

    def why(run: "Run") -> str | None:
        found, left = estimates.of(run), (until or inf) - time.monotonic()
        if found is None or found.at_most or found.seconds <= left:
            return None
        return f"it takes about {in_words(found.seconds)}, and {in_words(max(left, 0))} are left"

    return why
