"""The report in a real browser: it loads without a complaint, shows its tables, and sorts them."""

import os
import re
import shutil
import subprocess
from html import escape
from pathlib import Path

import pytest
from helpers import add_run
from measured_helpers import flops, keep, latency

from fave_bench import report
from fave_bench.records import Store

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Chromium or Chrome on the PATH")
PHONE = 390
"""Pixels."""
SORT = """
const table = document.querySelector("#overall .block table");
const heading = [...table.tHead.rows[1].cells].find((cell) => cell.textContent === "ours");
const column = () => [...table.tBodies[0].rows].map((row) => row.cells[heading.cellIndex].textContent.split(" ")[0]);
const orders = [column()];
for (let click = 0; click < 2; click++) { heading.querySelector("button").click(); orders.push(column()); }
document.body.dataset.orders = orders.map((order) => order.join("|")).join(";");
document.body.dataset.widths = [document.documentElement.clientWidth, document.documentElement.scrollWidth];
"""
"""What a reader does, and what is then on the screen, left where the test can read it."""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    store = Store(tmp_path / "results")
    for model, higher in (("fave", [0, 0, 40]), ("sasrec", [0, 0, 0]), ("gru4rec", [40, 40, 0])):
        add_run(store, dataset="ml-100k", model=model, title=model.upper(), higher=higher)
    keep(store.root, latency("fave", 2.0, dataset="ml-100k", title="FAVE"), latency("sasrec", 1.0, dataset="ml-100k"))
    keep(store.root, flops("fave", 1, dataset="ml-100k", title="FAVE"))
    assert report.main(["--results", str(store.root), "--out", str(tmp_path)]) == 0
    return tmp_path / "report.html"


def browse(page: Path) -> tuple[str, list[str]]:
    """The document after its scripts ran, and what the console said."""
    assert BROWSER
    command = [
        BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        f"--user-data-dir={page.parent / 'profile'}", "--window-size=1280,1000",
        "--enable-logging=stderr", "--hide-scrollbars",
        "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    environment = {**os.environ, "HOME": str(page.parent)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=True)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def with_script(page: Path, script: str) -> Path:
    other = page.with_name("scripted.html")
    other.write_text(page.read_text().replace("</body>", f"<script>{script}</script></body>"))
    return other


def test_it_loads_without_a_complaint_and_its_tables_sort(page: Path) -> None:
    document, console = browse(with_script(page, SORT))
    assert console == []
    assert document.count("<table>") == page.read_text().count("<table>") > 4
    assert "<svg" in document and document.count("<button") > 40
    (orders,) = re.findall(r'data-orders="([^"]+)"', document)
    before, down, up = (order.split("|") for order in orders.split(";"))
    numbers = sorted((float(value) for value in before if value != "–"), reverse=True)
    missing = ["–"] * before.count("–")
    assert len(numbers) == 3 and missing  # models that the paper prints and nobody ran
    assert down == [*(f"{number:.2f}" for number in numbers), *missing]
    assert up == [*(f"{number:.2f}" for number in reversed(numbers)), *missing]


def test_nothing_is_wider_than_a_phone(page: Path) -> None:
    """Wide grids and figures scroll inside their frames, the page itself does not.

    A headless window cannot be as narrow as a phone, so a frame inside one is.
    """
    scripted = escape(with_script(page, SORT).read_text())
    frame = page.with_name("phone.html")
    frame.write_text(
        f'<!doctype html><iframe srcdoc="{scripted}" style="width:{PHONE}px;height:800px;border:0"'
        ' onload="document.title = this.contentDocument.body.dataset.widths"></iframe>'
    )
    assert f"<title>{PHONE},{PHONE}</title>" in browse(frame)[0]


def test_a_complaint_would_be_heard(page: Path) -> None:
    assert any("no such thing" in line for line in browse(with_script(page, 'throw Error("no such thing")'))[1])
