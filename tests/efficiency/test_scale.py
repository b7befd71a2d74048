"""The scale measurement on a small shape: every part at every size, each in a process of its own."""

from fave_bench import measure
from fave_bench.data import steam_shaped
from fave_bench.records.measurements import measurements


def test_every_part_is_measured_at_every_size(tmp_path, monkeypatch):
    for name, value in {"USERS": 700, "ITEMS": 300, "ACTIONS": 4900}.items():
        monkeypatch.setattr(steam_shaped, name, value)
    arguments = ["--what", "scale", "--models", "markov", "diffurec", "--results", str(tmp_path), "--device", "cpu"]
    assert measure.main(arguments) == 0
    (kept,) = measurements(tmp_path, "scale")
    parts = ["prepare", "batches", "evaluate", "evaluate"]
    sizes = [("", 700, 300), ("twice the users", 1400, 300), ("twice the items", 700, 600)]
    assert [(row.part, row.variant, row.users, row.items) for row in kept.rows] == [
        (part, *size) for size in sizes for part in parts
    ]
    assert all(row.seconds > 0 and 0.05 < row.peak_gib < 4 for row in kept.rows)
