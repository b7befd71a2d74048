"""Which records may stand in one view."""

from collections.abc import Iterable

from fave_bench.errors import BenchError
from fave_bench.evaluation.protocols import versions
from fave_bench.records import Record


def comparable(records: Iterable[Record], *, leave_out_older: bool = False) -> list[Record]:
    """All of them, or with `leave_out_older` those of today's protocols.

    Raises BenchError where protocols of several versions are mixed, and where the same data are called synthetic in one
    record and real in another: numbers of the two kinds must never meet in one comparison.
    """
    found = [record for record in records if not leave_out_older or record.protocols == versions()]
    older = [record for record in found if record.protocols != versions()]
    if older and len(older) < len(found):
        raise BenchError(
            f"{len(older)} of {len(found)} runs were made under other versions of the protocols than today's "
            f"{_words(versions())}, such as {_name(older[0])} under {_words(older[0].protocols)}; "
            "repeat them, or take them out of the results folder (table and figure can --leave-out-older)"
        )
    _agree_on_synthetic(found)
    return found


def _agree_on_synthetic(records: list[Record]) -> None:
    first: dict[tuple[str, str], Record] = {}
    for record in records:
        other = first.setdefault((record.dataset.name, record.dataset.fingerprint), record)
        if other.dataset.synthetic != record.dataset.synthetic:
            real, made = sorted((record, other), key=lambda one: one.dataset.synthetic)
            raise BenchError(
                f"{_name(made)} calls its data synthetic and {_name(real)} calls the same data real; "
                "one of the two records is wrong and cannot stay in the results folder"
            )


def _words(protocols: dict[str, int]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(protocols.items()))


def _name(record: Record) -> str:
    return f"{record.dataset.name} {record.model} {record.key}"
