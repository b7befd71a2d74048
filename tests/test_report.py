"""The report says what the records say, stands alone, and cannot be made to say anything else by a name."""

import json
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from helpers import add_run, make_record
from measured_helpers import flops, keep, latency

from fave_bench import figure, report, table
from fave_bench.errors import BenchError, NothingToShow
from fave_bench.records import Record, Store
from fave_bench.rendering.claims.claim import Claim
from fave_bench.rendering.claims.cost import cost_claims
from fave_bench.rendering.claims.leads import lead_claims
from fave_bench.rendering.contents import Contents
from fave_bench.rendering.overall import overall
from fave_bench.rendering.page.assembly import assemble
from fave_bench.rendering.page.cards import cards
from fave_bench.rendering.page.provenance import blocks
from fave_bench.rendering.page.verdicts import tallies
from fave_bench.rendering.printed import Overall, Printed
from fave_bench.rendering.printed_efficiency import FLOPS, LATENCY, Efficiency
from fave_bench.rendering.table_model import Text
from fave_bench.views import contents

VOID = {"meta", "br"}
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
PRINTED = {"H@20": 60.0, "N@20": 30.0}


class Page(HTMLParser):
    """What a browser would see: elements in proper nesting, ids, addresses, words."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.ids: list[str] = []
        self.addresses: list[tuple[str, str]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        for name, value in attributes:
            assert not name.startswith("on")
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href", "srcset", "action", "data"):
                self.addresses.append((tag, value or ""))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Every kind of thing a page can show: full, cut and synthetic runs, cost, speed, and what a figure needs."""
    store = Store(tmp_path / "results")
    add_run(store, dataset="ml-100k", model="fave", title="FAVE")
    add_run(store, dataset="ml-100k", model="sasrec", title="SASRec", stopped_because="budget")
    add_run(store, dataset="made-up", model="sasrec", title="SASRec", synthetic=True, oracle={"H@20": 0.9, "N@20": 0.5})
    keep(store.root, latency("fave", 2.0, dataset="ml-100k", title="FAVE"))
    keep(store.root, flops("fave", 1, dataset="ml-100k", title="FAVE"))
    return store.root


def page_of(results: Path) -> tuple[Contents, str]:
    found = contents(results)
    return found, assemble(found)


def test_the_page_is_well_formed_and_fetches_nothing(results: Path) -> None:
    found, text = page_of(results)
    page = Page(text)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    for tag, address in page.addresses:
        assert address.startswith("#") or tag == "a", (tag, address)
        assert not address.startswith("#") or address[1:] in page.ids, address
    assert "@import" not in text and not re.search(r"url\((?!#)", text)
    assert page.tags["script"] == 1
    grids = sum(len(shown.blocks) for shown in found.tables) + len(blocks(found))
    assert page.tags["table"] == grids
    assert (page.tags["svg"], page.tags["figure"]) == (1, 1)


def test_every_table_figure_record_and_measurement_is_there(results: Path) -> None:
    found, text = page_of(results)
    page = Page(text)
    assert [shown.name for shown in found.tables] == ["overall", "efficiency", "audit"]
    assert {"overall", "efficiency", "audit", "pareto", "claims", "verdicts", "datasets", "provenance"} <= set(page.ids)
    assert all(record.key in page.text for record in found.records) and len(found.records) == 3
    assert all(measured.measured_at in page.text for measured in found.measurements) and len(found.measurements) == 2
    assert all(sentence in page.text for shown in found.tables for sentence in shown.legend)
    assert found.pictures[0].caption in page.text


def test_ids_stay_unique_when_pictures_look_alike(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    same = figure.FIGURES["pareto"]
    monkeypatch.setitem(figure.FIGURES, "twin", lambda request: replace(same(request), name="twin"))
    page = Page(page_of(results)[1])
    assert page.tags["svg"] == 2 and len(page.ids) == len(set(page.ids))
    assert all(address[1:] in page.ids for _, address in page.addresses if address.startswith("#"))


def test_a_picture_keeps_its_caption_out_of_the_drawing(results: Path) -> None:
    """The committed file draws the caption; the page sets it as text."""
    (picture,) = contents(results).pictures
    from fave_bench.rendering.page.drawing import inline_svg
    from fave_bench.rendering.plotting import render

    box = [float(n) for n in re.findall(r'viewBox="([^"]+)"', inline_svg(picture))[0].split()]
    whole = [float(n) for n in re.findall(rb'viewBox="([^"]+)"', render(picture, "svg"))[0].split()]
    assert box[2] == whole[2] and box[3] < whole[3]


def test_the_same_records_give_the_same_bytes(results: Path) -> None:
    assert page_of(results)[1] == page_of(results)[1]


def test_no_name_can_become_markup(tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    record = add_run(store, dataset="ml-100k", title=HOSTILE, variant=HOSTILE, setting=HOSTILE, device=HOSTILE,
                     notes=[HOSTILE])  # fmt: skip
    found = contents(store.root)
    data = record.dataset.model_copy(update={"source": HOSTILE, "name": HOSTILE})
    hostile = replace(found, records=(record.model_copy(update={"dataset": data}),))
    page = Page(assemble(hostile))
    assert (page.tags["script"], page.tags["img"], page.open) == (1, 0, [])
    assert page.text.count(HOSTILE) >= 6


def test_a_table_that_needs_data_is_no_part_of_the_page(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "FROM_DATA", table.FROM_DATA | {"efficiency"})
    assert "efficiency" not in Page(page_of(results)[1]).ids


def test_the_verb_writes_the_page_and_then_finds_it_current(results: Path, tmp_path: Path, capsys: Any) -> None:
    asked = ["--results", str(results), "--out", str(tmp_path / "out")]
    assert report.main(asked) == 0
    path = tmp_path / "out" / "report.html"
    assert capsys.readouterr().out.strip() == str(path) and path.is_file()
    assert report.main([*asked, "--check"]) == 0
    path.write_text(path.read_text() + " ")
    for also in ([], ["--json"]):
        with pytest.raises(BenchError, match=r"not what the records give: .*report\.html"):
            report.main([*asked, "--check", *also])
    path.unlink()
    with pytest.raises(BenchError, match=r"not what the records give: .*report\.html"):
        report.main([*asked, "--check"])
    assert not path.exists()


def test_programs_get_claims_and_verdicts(results: Path, capsys: Any) -> None:
    assert report.main(["--results", str(results), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["runs"], said["full"]) == (3, 2)
    assert {"kind", "text", "verdict", "because"} == set(said["claims"][0])
    assert [tally["dataset"] for tally in said["verdicts"]] == ["ml-100k"]


def test_nothing_to_show_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(NothingToShow, match="no finished run and no measurement in"):
        report.main(["--results", str(tmp_path)])


def papers(*models: str) -> Overall:
    """The first model leads, each next one is ten points behind."""
    values = {
        (model, "toy", metric): Printed(value - 10 * place, "Paper")
        for place, model in enumerate(models)
        for metric, value in PRINTED.items()
    }
    return Overall(values, leading="Paper")


def users(hits: int) -> list[int]:
    """Counts above the target of 400 users, so many of whom find it first."""
    return [0] * hits + [49] * (400 - hits)


def judged(printed: Overall, *records: Record) -> dict[str, Claim]:
    """Metric -> the claim about who leads in it."""
    found = Contents(records, (), (overall(records, printed),), ())
    return {metric: claim for claim in lead_claims(found, printed) for metric in PRINTED if metric in claim.text}


def run_of(title: str, hits: int, **fields: Any) -> Record:
    return make_record(model=title.lower(), title=title, higher=users(hits), **fields)


def test_a_lead_holds_fails_or_cannot_be_told() -> None:
    printed = papers("Alpha", "Beta")
    verdicts = [
        (judged(printed, run_of("Alpha", 300), run_of("Beta", 100)), "holds"),
        (judged(printed, run_of("Alpha", 100), run_of("Beta", 300)), "fails"),
        (judged(printed, run_of("Alpha", 201), run_of("Beta", 200)), "undecided"),
        (judged(printed, run_of("Beta", 100)), "open"),
        (judged(printed, run_of("Alpha", 300)), "open"),
        (judged(printed, run_of("Alpha", 300, stopped_because="budget"), run_of("Beta", 100)), "open"),
        (judged(printed, run_of("Alpha", 300), run_of("Beta", 100, stopped_because="budget")), "open"),
        (judged(papers("Alpha", "Beta", "Gamma"), run_of("Alpha", 300), run_of("Beta", 100)), "open"),
        (judged(papers("Alpha", "Beta", "Gamma"), run_of("Alpha", 100), run_of("Beta", 300)), "fails"),
        (judged(papers("Alpha", "Beta", "Gamma"), run_of("Alpha", 201), run_of("Beta", 200)), "open"),
        (judged(printed, run_of("Alpha", 300), run_of("Alpha", 50, setting="paper"), run_of("Beta", 100)), "holds"),
    ]
    for found, expected in verdicts:
        assert {metric: claim.verdict for metric, claim in found.items()} == dict.fromkeys(PRINTED, expected), found


def test_nothing_is_said_of_other_data_under_a_printed_name() -> None:
    other = run_of("Beta", 400, fingerprint="f" * 64)
    other = other.model_copy(update={"dataset": other.dataset.model_copy(update={"other_data": True})})
    found = judged(papers("Alpha", "Beta"), run_of("Alpha", 300), run_of("Beta", 100), other)
    assert {claim.verdict for claim in found.values()} == {"holds"}
    rows = [row for row in overall([other], papers("Alpha", "Beta")).rows if row["ours_mean"] is not None]
    assert rows and {(row["paper_value"], row["verdict"]) for row in rows} == {(None, None)}


def test_a_reason_names_the_rival_and_who_is_missing() -> None:
    found = judged(papers("Alpha", "Beta", "Gamma"), run_of("Alpha", 300), run_of("Beta", 100))["H@20"]
    assert "Beta 25.00\u00a0%" in found.because and "not run to the end: Gamma" in found.because
    assert found.text == "Alpha has the highest H@20 on toy (60.00\u00a0%)"


def speed_claims(results: Path, quick: float, slow: float, counted: float) -> dict[str, str]:
    """What is said of Quick, printed at 0.05 G and ten times as fast as Slow."""
    values = {("Quick", "toy", FLOPS): 0.05, ("Slow", "toy", FLOPS): 0.5}
    values |= {("Quick", "toy", LATENCY): 1.0, ("Slow", "toy", LATENCY): 10.0}
    printed = Efficiency(values, ("Slow", "Quick"), ("toy",))
    keep(results, latency("quick", quick, steps=1), latency("slow", slow, steps=30))
    keep(results, flops("quick", 1, counted), flops("slow", 30, 0.5))
    from fave_bench.records.measurements import measurements
    from fave_bench.rendering.efficiency import efficiency
    from fave_bench.rendering.newest import newest_flops, newest_latency

    shown = efficiency(
        newest_flops(measurements(results, "flops")), newest_latency(measurements(results, "latency")), printed
    )
    found = cost_claims(Contents((), (), (shown,), ()), printed)
    return {"cost" if "FLOPs" in claim.text else "speed": claim.verdict for claim in found}


@pytest.mark.parametrize(
    ("quick", "slow", "counted", "cost", "speed"),
    [(1, 9, 0.0541, "holds", "holds"), (9, 1, 0.0561, "fails", "fails"), (1, 1.5, 0.0459, "holds", "holds")],
)
def test_cost_and_speed_are_judged_by_what_was_measured(
    tmp_path: Path, quick: float, slow: float, counted: float, cost: str, speed: str
) -> None:
    assert speed_claims(tmp_path, quick, slow, counted) == {"cost": cost, "speed": speed}


def test_every_printed_cell_is_tallied_once() -> None:
    printed = papers("Alpha", "Beta", "Gamma")
    records = (run_of("Alpha", 240), run_of("Beta", 20, stopped_because="budget"))
    found = Contents(records, (), (overall(records, printed),), ())
    (tally,) = tallies(found)
    assert tally.cells == 6 and tally.counts["not run"] == 2 and tally.counts["not converged"] == 2
    assert tally.counts["reproduced"] >= 1  # 240 of 400 users are the printed 60 %


def test_a_card_says_what_differs_from_the_paper_without_the_data() -> None:
    real = make_record(dataset="ml-100k")
    (card, made_up) = cards([make_record(dataset="demo", synthetic=True, oracle={"H@20": 0.5}), real])
    facts = dict(card.facts)
    assert (card.title, card.synthetic, made_up.synthetic) == ("MovieLens 100K", False, True)
    assert "5 users, the paper prints 943" in facts["counts"]
    assert facts["sequences"] == "are not the public ones behind the paper's tables"
    assert dict(made_up.facts)["oracle H@20"].startswith("50.00 %") and "counts" not in dict(made_up.facts)
    assert dict(cards([make_record(dataset="mine")])[0].facts).keys() & {"counts", "sequences"} == set()


def test_code_that_differed_from_its_commit_is_said() -> None:
    record = make_record(environment={"commit": "0123456789abcdef", "dirty": True, "device": "cpu", "threads": 2})
    (block,) = blocks(Contents((record,), (), (), ()))
    assert Text("0123456789 and changes") in block.rows[0] and all(len(row) == len(block.columns) for row in block.rows)
