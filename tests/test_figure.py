"""Figures show what records and measurements say, byte for byte the same each time."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from helpers import add_run, make_record
from hypothesis import given
from hypothesis import strategies as st
from measured_helpers import keep, latency, measurement

from fave_bench.errors import BenchError, UsageError
from fave_bench.figure import main
from fave_bench.records import Inference, Record, Store
from fave_bench.records.measurements import StepsRow
from fave_bench.rendering.newest import newest_latency
from fave_bench.rendering.pareto import pareto
from fave_bench.rendering.pareto_data import Panel, collect, front
from fave_bench.rendering.picture import Picture
from fave_bench.rendering.plotting import FORMATS, render
from fave_bench.rendering.printed import Overall

FLOW: dict[str, Any] = {"model": "flow", "title": "Flow", "inference": Inference(steps=30)}
PLAIN: dict[str, Any] = {"model": "plain", "title": "Plain"}
CUT: dict[str, Any] = {"model": "cut", "title": "Cut", "stopped_because": "budget", "higher": [0] * 5}


def in_steps(record: Record, steps: int, value: float) -> StepsRow:
    metrics, errors = ({protocol: {"N@20": x} for protocol in ("filtered", "released")} for x in (value, 0.01))
    return StepsRow(
        model=record.model, title=record.title, dataset=record.dataset.name, setting=record.setting,
        run=record.key, steps=steps, metrics=metrics, standard_errors=errors, truncated=record.truncated,
    )  # fmt: skip


TIMES = [
    *(latency("flow", 1 + steps, steps=steps) for steps in (1, 4, 30)),
    latency("plain", 2.0),
    latency("plain", 9.0, execution="eager"),
    latency("plain", 90.0, batch_size=512),
    latency("cut", 0.5),
]


def shown(records: list[Record], *steps: StepsRow, protocol: str = "filtered") -> list[Panel]:
    rows = {(row.run, row.steps): row for row in steps}
    times = newest_latency([measurement(*TIMES)])
    return collect(records, times, rows, Overall({}, ""), protocol=protocol, execution="optimised")


def picture() -> Picture:
    flow = make_record(**FLOW)
    records = [flow, make_record(**PLAIN, higher=[0, 1, 2, 3, 4]), make_record(**CUT)]
    panels = shown(records, in_steps(flow, 1, 0.2), in_steps(flow, 4, 0.3))
    return pareto(panels, protocol="filtered", execution="optimised")


def beaten(a: tuple[float, float], b: tuple[float, float]) -> bool:
    """Whether b is at least as cheap and as good as a, and not the same."""
    return b[0] <= a[0] and b[1] >= a[1] and a != b


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=12))
def test_the_front_is_what_nothing_beats(points: list[tuple[int, int]]) -> None:
    expected = {i for i, point in enumerate(points) if not any(beaten(point, other) for other in points)}
    found = front(points)
    assert set(found) == expected and len(found) == len(expected)
    assert found == sorted(found, key=lambda i: points[i])


@pytest.mark.parametrize("ending", FORMATS)
def test_the_same_records_give_the_same_bytes(ending: str) -> None:
    first, second = render(picture(), ending), render(picture(), ending)
    assert first == second
    assert first.startswith({"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}[ending])
    assert b"<dc:date>" not in first and b"CreationDate" not in first


def test_looks_do_not_depend_on_the_users_own_configuration_and_leave_it_alone() -> None:
    import matplotlib

    before = render(picture(), "svg")
    with matplotlib.rc_context({"lines.linewidth": 9.0, "font.size": 30.0}):
        assert render(picture(), "svg") == before
        assert matplotlib.rcParams["font.size"] == 30.0


def test_the_data_are_those_of_the_records_and_the_measurements() -> None:
    rows = list(csv.DictReader(io.StringIO(picture().as_csv())))
    flow = {int(row["steps"]): row for row in rows if row["model"] == "flow"}
    assert sorted(flow) == [1, 4, 30]
    assert [flow[steps]["p50_ms"] for steps in (1, 4, 30)] == ["2.0", "5.0", "31.0"]
    assert [flow[steps]["own_steps"] for steps in (1, 4, 30)] == ["false", "false", "true"]
    record = make_record(**FLOW)
    assert float(flow[30]["value"]) == pytest.approx(100 * record.metrics["filtered"]["test"]["N@20"], abs=1e-5)
    assert float(flow[30]["spread"]) == pytest.approx(
        100 * record.standard_errors["filtered"]["test"]["N@20"], abs=1e-5
    )
    assert (flow[4]["value"], flow[4]["spread"]) == ("30.0", "1.0")
    (plain,) = (row for row in rows if row["model"] == "plain")
    assert (plain["p50_ms"], plain["steps"], plain["on_front"]) == ("2.0", "", "true")
    assert json.loads(picture().as_json())["rows"][0]["metric"] == "N@20"


def test_a_run_cut_short_is_named_and_takes_no_part_in_the_front() -> None:
    found = picture()
    (cut,) = (row for row in found.rows if row["model"] == "cut")
    assert (cut["truncated"], cut["on_front"], cut["value"]) == (True, False, 100.0)
    assert "stopped by a budget (Cut)" in found.caption
    full = shown([make_record(**PLAIN)])
    assert "budget" not in pareto(full, protocol="filtered", execution="optimised").caption


def test_a_full_run_replaces_one_that_was_cut_short() -> None:
    again = make_record(**(CUT | {"stopped_because": "converged", "seed": 1}))
    (panel,) = shown([make_record(**CUT), again])
    assert [curve.line.truncated for curve in panel.curves] == [False]


def test_seeds_are_averaged_as_in_table_1_and_the_bar_is_theirs() -> None:
    seeds = [make_record(**FLOW, seed=seed, higher=[seed, 3, 7, 12, 40]) for seed in range(2)]
    (panel,) = shown(seeds, *(in_steps(record, 4, 0.1 * (1 + record.seed)) for record in seeds))
    (curve,) = panel.curves
    values = [100 * record.metrics["filtered"]["test"]["N@20"] for record in seeds]
    own, fewer = curve.points[-1], curve.points[0]
    assert (own.value, own.seeds) == (pytest.approx(sum(values) / 2), 2)
    assert own.spread == pytest.approx(abs(values[0] - values[1]) / 2**0.5)
    assert (fewer.steps, fewer.value, fewer.seeds) == (4, pytest.approx(15.0), 2)


def test_rows_without_a_latency_are_named_and_variants_are_told_apart() -> None:
    other = make_record(**PLAIN, setting="paper")
    (panel,) = shown([make_record(**PLAIN), other])
    assert [curve.label for curve in panel.curves] == ["Plain released"]
    assert panel.untimed == ("Plain paper",)
    assert (
        "not timed in this execution: Plain paper." in pareto([panel], protocol="filtered", execution="eager").caption
    )


def test_each_device_has_its_own_panel_and_protocols_differ() -> None:
    times = newest_latency([measurement(*TIMES), measurement(latency("plain", 7.0), device="other")])
    panels = collect([make_record(**PLAIN)], times, {}, Overall({}, ""), protocol="released", execution="optimised")
    assert [str(panel.place) for panel in panels] == ["other · 2 threads", "test device · 2 threads"]
    filtered = shown([make_record(**PLAIN)])[0].curves[0].points[0].value
    assert panels[0].curves[0].points[0].value < filtered
    figure = pareto(panels, protocol="released", execution="optimised").draw()
    assert len(figure.axes) == 2


def test_a_device_with_a_single_point_has_no_panel_beside_one_that_compares() -> None:
    times = newest_latency([measurement(*TIMES), measurement(latency("plain", 7.0), device="other")])
    both = [make_record(**PLAIN), make_record(**FLOW)]
    panels = collect(both, times, {}, Overall({}, ""), protocol="released", execution="optimised")
    assert [str(panel.place) for panel in panels] == ["test device · 2 threads"]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    add_run(Store(tmp_path / "results"), **PLAIN)
    keep(tmp_path / "results", *TIMES)
    return tmp_path / "results"


def test_the_verb_draws_and_then_finds_it_current(results: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "figures"
    asked = ["--name", "pareto", "--results", str(results), "--out", str(out)]
    assert main(asked) == 0
    assert sorted(path.name for path in out.iterdir()) == ["pareto.csv", "pareto.svg"]
    assert main([*asked, "--check"]) == 0
    (out / "pareto.svg").write_text("edited")
    for also in ([], ["--json"]):
        with pytest.raises(BenchError, match=r"not what the records give: .*pareto\.svg; draw again"):
            main([*asked, "--check", *also])
    capsys.readouterr()
    assert main([*asked, "--json"]) == 0
    assert [row["model"] for row in json.loads(capsys.readouterr().out)["rows"]] == ["plain"]


def test_what_cannot_be_drawn_is_one_sentence(results: Path, tmp_path: Path) -> None:
    asked = ["--results", str(results), "--out", str(tmp_path)]
    with pytest.raises(UsageError, match="unknown figure 'pareta'; did you mean 'pareto'"):
        main([*asked, "--name", "pareta"])
    with pytest.raises(UsageError, match="unknown dataset 'tov'; did you mean 'toy'"):
        main([*asked, "--datasets", "tov"])
    with pytest.raises(BenchError, match="no recorded run has a latency in execution released"):
        main([*asked, "--execution", "released"])
    with pytest.raises(BenchError, match="no finished run"):
        main(["--results", str(tmp_path / "none")])
