"""What the report is made of: records, measurements, and every table and figure that they give."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from fave_bench.records import Record
from fave_bench.records.measurements import Measurement
from fave_bench.records.notes import Notes
from fave_bench.records.schema import LEAVE_ONE_OUT
from fave_bench.rendering.picture import Picture
from fave_bench.rendering.table_model import Scalar, Table


@dataclass(frozen=True)
class Contents:
    """A pure function of results/ and of the papers' printed numbers."""

    records: tuple[Record, ...]
    measurements: tuple[Measurement, ...]
    tables: tuple[Table, ...]
    pictures: tuple[Picture, ...]
    notes: Notes = field(default_factory=dict)
    """What people found out about rows."""

    def rows(self, table: str, **wanted: Scalar) -> Iterator[dict[str, Scalar]]:
        """The flat rows of the table of that name in which every column `wanted` has its value; none without it.

        Rows of other data than those that go by their name in papers, or of data split in another way, are left out: no
        claim is about them.
        """
        others = {record.dataset.fingerprint for record in self.records if record.dataset.other_data}
        for found in self.tables:
            if found.name == table:
                rows = (row for row in found.rows if row.get("fingerprint") not in others)
                rows = (row for row in rows if row.get("split", LEAVE_ONE_OUT) == LEAVE_ONE_OUT)
                yield from (row for row in rows if all(row[key] == value for key, value in wanted.items()))
