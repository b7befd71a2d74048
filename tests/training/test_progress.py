"""What a log shows of a long training: a line a minute."""

import pytest

from fave_bench.training import progress
from fave_bench.training.progress import Progress


def lines(capsys: pytest.CaptureFixture[str], left: float = float("inf")) -> list[str]:
    with Progress("FAVE finetune", 2000, 100) as seen:
        seen.validated(0.0512)
        seen.advance(400)
        seen.report({"match": 0.25}, left)
        seen.report({"match": 0.25}, left)
    return capsys.readouterr().err.splitlines()


def test_a_log_gets_a_line_of_what_a_bar_would_show(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lines(capsys) == []  # within the first minute
    monkeypatch.setattr(progress, "LINE_EVERY", 0)
    line, _ = lines(capsys)
    assert "budget" not in line
    assert all("budget 12 s" in line for line in lines(capsys, left=12.3))
    for part in ("FAVE finetune", "25%", "500/2.00k", "match 0.25", "val N@20 5.12 %"):
        assert part in line
