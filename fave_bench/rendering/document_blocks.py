"""Blocks of numbers in documents written by hand: each a function of what was recorded, as Markdown."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from fave_bench.errors import BenchError, unknown
from fave_bench.records import Record
from fave_bench.rendering.boards import Board, Line, boards
from fave_bench.rendering.claims.claim import PROTOCOL, Row, number
from fave_bench.rendering.claims.judged import claims
from fave_bench.rendering.comparison import Comparison
from fave_bench.rendering.contents import Contents
from fave_bench.rendering.document_speed import speed
from fave_bench.rendering.markdown import escape, grid
from fave_bench.rendering.overall import chosen
from fave_bench.rendering.printed import read_overall
from fave_bench.rendering.summary import Value
from fave_bench.rendering.table_model import Scalar, signed
from fave_bench.studies.catalogue import families

ORDER = (("released", "H@20"), ("released", "N@20"), ("filtered", "H@20"), ("filtered", "N@20"))
METRICS = ("H@20", "N@20")
ENDS = {
    "converged": "converged", "epochs": "as many as it was given", "budget": "stopped by its budget",
    "closed-form": "closed form", "external": "scores of another program",
}  # fmt: skip


def headline(contents: Contents, dataset: str) -> str:
    """Every row of Table 1 that was run, its full runs where there are some: the printed H@20, and ours."""
    board, papers = _board(contents, dataset), read_overall()
    rows = []
    for line in board.run_lines:
        printed = papers.get(line.title, dataset, "H@20")
        values = [line.value(protocol, metric) for protocol, metric in ORDER]
        rows.append([_name(line), f"{printed.percent:.2f}" if printed else "–", *map(_value, values)])
    return _grid(["model", "paper H@20 ↑", *(f"{metric} ↑ {protocol}" for protocol, metric in ORDER)], rows)


def verdicts(contents: Contents, dataset: str) -> str:
    """The rows that ran to their end beside what is printed for them, under the protocol printed numbers come from."""
    board, papers = _board(contents, dataset), read_overall()
    compared = [board.comparisons("released", metric, papers) for metric in METRICS]
    rows = [
        [_name(line), str(len(line.summary.records)), *(part for cell in cells for part in _judged(cell))]
        for line, *cells in zip(board.lines, *compared, strict=True)
        if line.summary and not line.truncated and all(cell.printed for cell in cells)
    ]
    if not rows:
        return "None yet."
    named = (f"{metric} {part}" for metric in METRICS for part in ("printed", "ours", "difference", "verdict"))
    return _grid(["model", "seeds", *named], rows)


def unfinished(contents: Contents, dataset: str) -> str:
    """The rows of which no run went to its end, and how far the longest went."""
    board = _board(contents, dataset)
    full = {_name(line) for line in board.run_lines if not line.truncated}
    lines = [
        f"- {_name(line)}: {line.summary.epochs:.3g} epochs, stopped by its budget"
        for line in board.run_lines
        if line.truncated and line.summary and _name(line) not in full
    ]
    lines += [f"- {line.title}: not run" for line in board.lines if line.summary is None]
    return "\n".join(lines) or "None."


def judged(contents: Contents, kind: str) -> str:
    """The claims of one kind, a bullet each."""
    found = [claim for claim in claims(contents) if claim.kind == kind]
    return "\n".join(f"- **{c.verdict}**: {escape(c.text)} – {escape(c.because)}" for c in found) or "None."


def one_run(contents: Contents, key: str) -> str:
    """A bullet about one recorded run: what it is, its test metrics and their sampling error, how it ended."""
    found = next((record for record in contents.records if record.key == key), None)
    if found is None:
        raise BenchError(f"no run {key} is recorded here; give the key of a run.json below results/")
    about = [found.title, *filter(None, [found.setting, _spaced(found.variant)]), f"seed {found.seed}"]
    said = [f"{protocol} {_measured(found, protocol)}" for protocol in dict.fromkeys(protocol for protocol, _ in ORDER)]
    end = f"{found.training.epochs:.3g} epochs, {ENDS[found.training.stopped_because]}"
    return f"- {escape(', '.join(about))}, run `{key}` ({end}): {'; '.join(said)}"


def effects(contents: Contents, family: str) -> str:
    """What each variant of a family is worth in the setting it varies, a row per dataset and variant.

    Of several full models of a dataset the one that ran to its end is taken.
    """
    known = families()
    if family not in known:
        raise unknown("family", family, known)
    wanted = {"family": family, "setting": known[family].setting, "protocol": PROTOCOL}
    per_metric = [list(contents.rows("ablation", **wanted, metric=metric)) for metric in METRICS]
    studies: dict[Scalar, list[tuple[Row, ...]]] = {}
    for study in _studies(zip(*per_metric, strict=True)):
        dataset, whole = study[0][0]["dataset"], not study[0][0]["truncated"]
        if whole or dataset not in studies:
            studies[dataset] = study
    rows = [_effect(line, full) for full, *lines in studies.values() for line in lines]
    if not rows:
        return "None yet."
    return _grid(["dataset", "variant", "change", *(f"{metric} Δ" for metric in METRICS), "epochs"], rows, words=3)


BLOCKS: dict[str, Callable[[Contents, str], str]] = {
    "headline": headline,
    "verdicts": verdicts,
    "unfinished": unfinished,
    "claims": judged,
    "effects": effects,
    "speed": speed,
    "run": one_run,
}
"""Name -> function of the contents and of the word behind the name."""


def _board(contents: Contents, dataset: str) -> Board:
    papers = read_overall()
    records = [one for one in chosen(contents.records, [dataset], papers) if one.dataset.split == "leave-one-out"]
    return boards(records, [dataset], papers)[0]


def _name(line: Line) -> str:
    assert line.summary
    parts = [line.title, line.summary.first.setting, *filter(None, [_spaced(line.label)])]
    return ", ".join(parts) + " †" * line.truncated


def _spaced(variant: str) -> str:
    return variant.replace(",", ", ")


def _judged(cell: Comparison) -> tuple[str, ...]:
    printed, difference = cell.printed, cell.difference
    assert printed
    gap = "–" if difference is None else signed(difference)
    return f"{printed.percent:.2f}", _value(cell.ours), gap, cell.verdict or "–"


def _measured(record: Record, protocol: str) -> str:
    metrics, errors = record.metrics[protocol]["test"], record.standard_errors[protocol]["test"]
    return ", ".join(f"{name} {100 * metrics[name]:.2f} (± {100 * errors[name]:.2f})" for name in METRICS)


def _studies(lines: Iterable[tuple[Row, ...]]) -> Iterator[list[tuple[Row, ...]]]:
    """Rows of the flat table, one per metric, cut where a full model begins."""
    found: list[tuple[Row, ...]] = []
    for line in lines:
        if line[0]["full"] and found:
            yield found
            found = []
        found.append(line)
    if found:
        yield found


def _effect(line: tuple[Row, ...], full: tuple[Row, ...]) -> list[str]:
    first, ran = line[0], line[0]["epochs"] is not None
    cut = " †" * bool(ran and (first["truncated"] or full[0]["truncated"]))
    epochs = f"{number(first['epochs']):.3g}" if ran else "not run"
    about = [str(first["dataset"]), f"{first['variant']}{cut}", str(first["change"])]
    return [*map(escape, about), *map(_change, line), epochs]


def _change(row: Row) -> str:
    """``+1.20 (+0.40 to +1.99)``: percent, with its 95 % interval."""
    if row["change_from_full"] is None:
        return "–"
    change, low, high = (signed(number(row[key])) for key in ("change_from_full", "change_low", "change_high"))
    return f"{change} ({low} to {high})"


def _value(value: Value | None) -> str:
    if value is None:
        return "–"
    return f"{value.mean:.2f}" + (f" ± {value.deviation:.2f}" if value.deviation is not None else "")


def _grid(heads: Sequence[str], rows: Sequence[Sequence[str]], *, words: int = 1) -> str:
    """Numbers to the right of the first `words` columns."""
    return grid(heads, rows, numeric=[place >= words for place in range(len(heads))])
