"""Which lines a comparison has and in what order, before anything is formatted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from fave_bench.records import Record
from fave_bench.records.schema import LEAVE_ONE_OUT
from fave_bench.rendering.comparison import Comparison
from fave_bench.rendering.printed import Overall, Printed
from fave_bench.rendering.ranking import marks
from fave_bench.rendering.summary import Summary, Value, allowance, hurry, summarise
from fave_bench.studies.catalogue import is_variation


@dataclass(frozen=True)
class Line:
    """A model in one setting and variant, or (without a summary) one the paper prints and nobody ran here."""

    title: str
    summary: Summary | None
    label: str = ""
    """What tells the line from others of the same model and setting: its variant, and more if that is not enough."""
    letter: str = ""
    """What other lines call this one, where letters are given."""
    beats: Mapping[str, str] = field(default_factory=dict)
    """Metric -> letters of the lines that this one beats."""

    @property
    def truncated(self) -> bool:
        return self.summary is not None and self.summary.first.truncated

    @property
    def external(self) -> bool:
        return self.summary is not None and self.summary.first.external

    def value(self, protocol: str, metric: str) -> Value | None:
        return self.summary.value(protocol, metric) if self.summary else None


@dataclass(frozen=True)
class Board:
    """Lines that may be compared with each other: the same sequences, split the same way."""

    dataset: str
    sample: Record | None
    """Any record of the board, for what all share; None where nothing was run."""
    lines: tuple[Line, ...]

    @property
    def run_lines(self) -> list[Line]:
        """The lines that were run, without the cut-short ones of which there is a full run."""
        full = {_own_name(line) for line in self.lines if line.summary and not line.truncated}
        return [line for line in self.lines if line.summary and not (line.truncated and _own_name(line) in full)]

    def name(self, line: Line) -> str:
        """What a figure calls a line that was run: the title, the setting where there are several, the label."""
        assert line.summary
        settings = {other.summary.first.setting for other in self.lines if other.summary and other.title == line.title}
        return " ".join([line.title, *([line.summary.first.setting] if len(settings) > 1 else []), *line.label.split()])

    @property
    def heading(self) -> str:
        return self.dataset + (" · SYNTHETIC" if self.synthetic else "")

    @property
    def population(self) -> str:
        """How many users there are, and how their actions were split if not the usual way."""
        data = self.sample.dataset if self.sample else None
        if not data:
            return ""
        return " · ".join([f"{data.users:,} users", *([] if data.split == LEAVE_ONE_OUT else [data.split])])

    @property
    def synthetic(self) -> bool:
        return self.sample is not None and self.sample.dataset.synthetic

    @property
    def as_printed(self) -> bool:
        """Whether papers print numbers for these data, split in this way."""
        data = self.sample.dataset if self.sample else None
        return data is None or data.as_printed

    def printed(self, papers: Overall, line: Line, metric: str) -> Printed | None:
        """What a paper prints for the line's model."""
        return papers.get(line.title, self.dataset, metric) if self.as_printed else None

    @property
    def oracle(self) -> dict[str, float]:
        """Best expected test metrics, in percent, where the data's generator knows them."""
        known = self.sample.dataset.oracle if self.sample else {}
        return {metric: 100 * value for metric, value in known.items()}

    def comparisons(self, protocol: str, metric: str, papers: Overall) -> list[Comparison]:
        """Line by line. Runs cut short by a budget take no part in the contest for the best."""
        values = [line.value(protocol, metric) for line in self.lines]
        full = [value if not line.truncated else None for line, value in zip(self.lines, values, strict=True)]
        places = marks([value.mean if value else None for value in full])
        return [
            Comparison(
                printed=self.printed(papers, line, metric),
                impossible=self.as_printed and papers.impossible(line.title, self.dataset),
                ours=value,
                run=line.summary is not None,
                truncated=line.truncated,
                mark=place,
                beats=line.beats.get(metric, ""),
            )
            for line, value, place in zip(self.lines, values, places, strict=True)
        ]


def main_rows(records: Iterable[Record]) -> list[Record]:
    """The records without the variants of ablations and sweeps, which have a table and a figure of their own."""
    return [record for record in records if not is_variation(record.model, record.changes)]


def boards(records: Iterable[Record], datasets: Iterable[str], printed: Overall) -> list[Board]:
    """One board per dataset, version of its sequences and split; the paper's datasets first, synthetic ones last."""
    found: dict[tuple[str, str, str], list[Record]] = {}
    for record in records:
        found.setdefault((record.dataset.name, record.dataset.split, record.dataset.fingerprint), []).append(record)
    made = [Board(name, group[0], _lines(group, printed, name)) for (name, _, _), group in sorted(found.items())]
    missing = sorted(set(datasets) - {board.dataset for board in made})
    made += [Board(name, None, _lines([], printed, name)) for name in missing]
    return sorted(made, key=lambda board: (board.synthetic, _position(board.dataset, printed.datasets)))


def _own_name(line: Line) -> tuple[str, str, str]:
    assert line.summary
    return line.title, line.summary.first.setting, line.summary.first.variant


def _position(name: str, order: tuple[str, ...]) -> tuple[int, str]:
    return (order.index(name), "") if name in order else (len(order), name)


def _lines(records: list[Record], printed: Overall, dataset: str) -> tuple[Line, ...]:
    """The paper's models in its order, then closed-form references, then the others by title.

    On a dataset the papers report, a model of theirs that nobody ran has a line as well.
    """
    expected = dataset in printed.datasets and not any(record.dataset.other_data for record in records)
    by_title: dict[str, list[Summary]] = {}
    for summary in summarise(records):
        by_title.setdefault(summary.first.title, []).append(summary)
    lines: list[Line] = []
    for title in printed.models:
        summaries = by_title.pop(title, [])
        absent = [Line(title, None)] if expected else []
        lines += _labelled(title, summaries) or absent
    for title in sorted(by_title, key=lambda title: (by_title[title][0].stopped_because != "closed-form", title)):
        lines += _labelled(title, by_title[title])
    return tuple(lines)


def _labelled(title: str, summaries: list[Summary]) -> list[Line]:
    """Lines of one name are told apart by what differs in how they were trained, and if nothing does by a key."""
    lines = []
    for summary in summaries:
        ways = [_training(other) for other in summaries if _name(other) == _name(summary)]
        own = _training(summary)
        parts = [summary.first.variant, *(part for part in own if any(part not in way for way in ways))]
        parts += [summary.first.configuration[:6]] if ways.count(own) > 1 else []
        lines.append(Line(title, summary, ", ".join(filter(None, parts))))
    return lines


def _training(summary: Summary) -> tuple[str, ...]:
    """What is unusual about how the runs were trained, how long, how precisely and how looked at, in a word each."""
    return (*(allowance(summary.first) if summary.first.truncated else ()), *hurry(summary.first))


def _name(summary: Summary) -> tuple[str, str, str, bool]:
    first = summary.first
    return first.model, first.setting, first.variant, first.truncated
