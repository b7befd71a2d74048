"""What the verb `measure` keeps of a call that does not come to its end."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from measured_helpers import latency

from fave_bench import measure
from fave_bench.errors import BenchError
from fave_bench.records.measurements import measurements
from fave_bench.records.row import Row

ROW = latency("fave", 1.5)


def out_of_memory() -> None:
    raise BenchError("a batch does not fit the memory")


def ctrl_c() -> None:
    raise KeyboardInterrupt


def sigterm() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize(
    ("end", "raised"), [(out_of_memory, BenchError), (ctrl_c, KeyboardInterrupt), (sigterm, SystemExit)]
)
def test_rows_measured_before_the_end_are_kept(
    end: Callable[[], None], raised: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rows(what: str, request: measure.Request) -> Iterator[Row]:
        yield ROW
        end()

    monkeypatch.setattr(measure, "_rows", rows)
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(raised) as error:
        measure.main(["--what", "latency", "--device", "cpu", "--results", str(tmp_path)])
    if isinstance(error.value, SystemExit):
        assert error.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is handler
    (kept,) = measurements(tmp_path, "latency")
    assert kept.rows == [ROW]
