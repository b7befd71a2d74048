"""What every verb shares: one parser look, one way to end."""

import argparse
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from fave_bench import launcher
from fave_bench.errors import BenchError, UsageError

Main = Callable[[Sequence[str] | None], int]
_told: set[str] = set()


class Parser(argparse.ArgumentParser):
    """argparse, with errors as one sentence and the help's example kept as typed."""

    def __init__(self, verb: str, description: str, example: str) -> None:
        super().__init__(
            prog=f"python -m fave_bench.{verb}",
            description=description,
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see --help)\n")


def add_results(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR", help="where records live")


def add_leave_out_older(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--leave-out-older",
        action="store_true",
        help="leave out runs of older protocol versions instead of refusing to mix them with today's",
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", metavar="DEVICE", help="auto, cpu, cuda or cuda:I (default auto)")


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print a machine-readable result on stdout")


def say(message: str) -> None:
    """A line for the person watching; results for programs go to stdout, never here."""
    print(message, file=sys.stderr, flush=True)


def say_once(message: str, about: str) -> None:
    """`say`, unless this command has said something `about` the same already."""
    if about not in _told:
        _told.add(about)
        say(message)


def entry(main: Main, *, shares: bool = False) -> NoReturn:
    """Run a verb and exit: a user's mistake is one sentence on stderr, never a traceback.

    `shares`: the verb shares its work between the processes that torchrun starts.
    """
    _told.clear()
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # as fave_bench/__init__.py has it while a verb imports
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal may have no letter for ±, and a table is no reason to die
        sys.stdout.reconfigure(errors="backslashreplace")
    with launcher.only_the_main_one_speaks():
        code = _code(main, shares)
    sys.exit(code)


def _code(main: Main, shares: bool) -> int:
    code = 0
    try:
        if launcher.size() > 1 and not shares:
            raise UsageError("only the verb run shares its work between processes; start this one without torchrun")
        code = main(None)
    except BenchError as error:
        say(f"fave-bench: {error}")
        code = error.exit_code
    except KeyboardInterrupt:
        say("fave-bench: interrupted")
        code = 130
    except BrokenPipeError:  # `… | head` closed stdout; Python would complain once more while flushing it at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        say(f"fave-bench: {error.filename or 'I/O'}: {error.strerror or error}")
        code = 1
    return code
