"""Who asks for a recommendation: a history typed in, or one of a dataset's test users.

People name items and users by the ids of the file that a dataset is read from; inside, items are numbered 1..N.
"""

from dataclasses import dataclass
from functools import cached_property

from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import SPLITS
from fave_bench.errors import BenchError, UsageError, unknown
from fave_bench.records import Record, Store


@dataclass(frozen=True)
class Item:
    """An item as people know it."""

    id: str
    """The source's own."""
    title: str | None
    """None where the dataset comes without titles."""


@dataclass(frozen=True)
class Question:
    """A history, and for a test user what came after it."""

    history: tuple[int, ...]
    """Item numbers in 1..N, oldest first."""
    number: int
    """Of the user whose noise a generative model draws; somebody new is one past the last."""
    user: str | None = None
    """The source's own id."""
    target: int | None = None
    ranks: dict[str, float] | None = None
    """Protocol -> the target's recorded rank, from 1."""


@dataclass(frozen=True)
class Questions:
    """Makes questions of what people type."""

    sequences: Sequences
    titles: dict[int, str]
    """Item number -> title, as far as there are any."""

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The source's item id -> number."""
        return {label: number for number, label in enumerate(self.sequences.item_labels, 1)}

    def item(self, number: int) -> Item:
        label = self.sequences.item_labels[number - 1]
        return Item(label, self.titles.get(number))

    def of_history(self, text: str) -> Question:
        """`text` is ids separated by commas, oldest first. Raises UsageError for none, and for an unknown one."""
        labels = [label for part in text.split(",") if (label := part.strip())]
        if not labels:
            raise UsageError("--history is empty; give items separated by commas, oldest first, such as 50,172,181")
        for label in labels:
            if label not in self.numbers:
                raise unknown(f"item of {self.sequences.name}", label, self.numbers)
        return Question(tuple(self.numbers[label] for label in labels), number=self.sequences.num_users)

    def of_user(self, label: str, store: Store, record: Record) -> Question:
        """The user's history before the test target, which `record` ranked.

        Raises UsageError for an unknown user, BenchError for one without a target in the run's split.
        """
        labels = self.sequences.user_labels
        if label not in labels:
            raise unknown(f"user of {self.sequences.name}", label, labels)
        number, asked = labels.index(label), SPLITS[record.dataset.split](self.sequences).test
        place = {int(user): place for place, user in enumerate(asked.users)}.get(number)
        if place is None:
            raise BenchError(f"user '{label}' has no test target under the {record.dataset.split} split")
        start, stop, ranked = int(asked.start[place]), int(asked.stop[place]), store.ranks(record)["test"]
        return Question(
            history=tuple(self.sequences.items[start:stop].tolist()),
            number=number,
            user=label,
            target=int(self.sequences.items[stop]),
            ranks={protocol: float(ranked.ranks(protocol)[place]) for protocol in sorted(ranked.higher)},
        )
