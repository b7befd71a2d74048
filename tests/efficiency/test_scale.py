"""The scale measurement on a small shape: every part, each in a process of its own."""

from fave_bench import measure
from fave_bench.data import steam_shaped
from fave_bench.efficiency import scale
from fave_bench.records.measurements import measurements


def test_every_part_is_measured_at_the_grown_size(tmp_path, monkeypatch):
    for name, value in {"USERS": 350, "ITEMS": 300, "ACTIONS": 2450}.items():
        monkeypatch.setattr(steam_shaped, name, value)
    monkeypatch.setattr(scale, "GROWTH", {"twice the users": (2, 1)})
    arguments = ["--what", "scale", "--models", "diffurec", "--results", str(tmp_path), "--device", "cpu"]
    assert measure.main(arguments) == 0
    (kept,) = measurements(tmp_path, "scale")
    assert [row.part for row in kept.rows] == ["prepare", "batches", "evaluate"]
    assert {(row.variant, row.users, row.items) for row in kept.rows} == {("twice the users", 700, 300)}
    assert all(row.seconds > 0 and 0.05 < row.peak_gib < 4 for row in kept.rows)
