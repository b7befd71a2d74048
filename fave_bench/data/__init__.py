"""From raw files to leave-one-out sequences; knows no model.

``load(name)`` is the way in; ``catalogue`` lists the known datasets.
"""

from pathlib import Path

from fave_bench.data.sequences import Sequences

__all__ = ["available", "genres", "load", "titles"]


def load(
    name: str,
    source: Path | None = None,
    *,
    user_column: str | None = None,
    item_column: str | None = None,
    time_column: str | None = None,
    min_user: int | None = None,
    min_item: int | None = None,
    deduplicate: bool | None = None,
) -> Sequences:
    """The sequences of a dataset: generated, or read from `source` (a file or folder) or the first place that has it.

    The places: ``$FAVE_BENCH_DATA/<name>``, what was prepared under that name, the publisher's URL. The options name
    a table's columns and override the dataset's filtering rule. Raises UsageError for an unknown name or option
    value, BenchError for a file that cannot be had or read.
    """
    from fave_bench.data import catalogue, synthetic
    from fave_bench.data.loading import Options, prepare

    options = Options(user_column, item_column, time_column, min_user, min_item, deduplicate)
    entry = catalogue.entries().get(name)
    if entry and entry.synthetic:
        synthetic.refuse_source(name, source, changed=options != Options())
        return synthetic.generate(name)
    return prepare(name, source, options).sequences


def available(name: str) -> bool:
    """Whether `load` can give this dataset without a network."""
    from fave_bench.data import catalogue, loading

    entry = catalogue.entries().get(name)
    return bool(entry and entry.synthetic) or loading.available(name)


def titles(name: str, source: Path | None = None) -> dict[str, str]:
    """Item label -> title, where the publisher's titles lie beside the data; else empty."""
    from fave_bench.data.item_texts import read_titles

    return read_titles(name, source)


def genres(name: str, source: Path | None = None) -> dict[str, tuple[str, ...]]:
    """Item label -> names of its genres, where the publisher's list lies beside the data; else empty."""
    from fave_bench.data.item_texts import read_genres

    return read_genres(name, source)
