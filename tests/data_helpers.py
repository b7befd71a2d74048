"""Small datasets for tests, in every form in which a file can hold them."""

import gzip
import json
import pickle
import zipfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from fave_bench.data.interactions import Interactions
from fave_bench.data.sequences import Sequences

Event = tuple[int, int, int]
"""user, item, Unix seconds."""

EVENTS: list[Event] = [
    (7, 30, 500), (2, 10, 100), (7, 10, 400), (2, 20, 100), (7, 20, 400), (2, 40, 90),
    (2, 30, 300), (7, 40, 900), (11, 10, 50), (11, 40, 60), (11, 30, 60), (11, 20, 40),
]  # fmt: skip
"""Three users with four items each, ties included; no repeats."""

events = st.lists(
    st.tuples(st.integers(0, 6), st.integers(1, 9), st.integers(0, 12)), min_size=1, max_size=60
)  # fmt: skip
"""Any small log: repeats, ties and short users included."""


def interactions(log: Sequence[Event], *, timed: bool = True) -> Interactions:
    """The log as a reader would give it, with labels in order of first appearance."""
    users = list(dict.fromkeys(user for user, _, _ in log))
    items = list(dict.fromkeys(item for _, item, _ in log))
    return Interactions(
        np.array([users.index(user) for user, _, _ in log], np.int32),
        np.array([items.index(item) for _, item, _ in log], np.int32),
        np.array([time for _, _, time in log], np.int64) if timed else None,
        [str(user) for user in users],
        [str(item) for item in items],
    )


def by_user(log: Sequence[Event]) -> dict[int, list[int]]:
    """user -> items in time order, by the plainest code there is; users ascend."""
    rows: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for user, item, time in log:
        rows[user].append((time, item))
    return {user: [item for _, item in sorted(rows[user], key=lambda row: row[0])] for user in sorted(rows)}


def unpacked(sequences: Sequences) -> dict[str, list[str]]:
    """user label -> item labels, in the sequences' own order."""
    return {
        label: [sequences.item_labels[item - 1] for item in sequences.items[start:stop]]
        for label, start, stop in zip(sequences.user_labels, sequences.offsets[:-1], sequences.offsets[1:], strict=True)
    }


def sequences_of(histories: dict[int, list[int]], times: dict[int, list[int]] | None = None) -> Sequences:
    """Sequences with the given item numbers, taken as canonical."""
    lengths = [len(items) for items in histories.values()]
    return Sequences(
        name="toy",
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        items=np.array([item for items in histories.values() for item in items], np.int32),
        times=None if times is None else np.array([t for user in histories for t in times[user]], np.int64),
        user_labels=tuple(map(str, histories)),
    )


def write_u_data(path: Path, log: Sequence[Event]) -> Path:
    path.write_text("".join(f"{user}\t{item}\t3\t{time}\n" for user, item, time in log))
    return path


def write_movielens_zip(path: Path, log: Sequence[Event]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ml-100k/README", "terms")
        archive.writestr("ml-100k/u.data", "".join(f"{u}\t{i}\t3\t{t}\n" for u, i, t in log))
    return path


def write_ratings(path: Path, log: Sequence[Event]) -> Path:
    path.write_text("".join(f"{user},{item},5.0,{time}\n" for user, item, time in log))
    return path


def write_reviews(path: Path, log: Sequence[Event]) -> Path:
    rows = ({"reviewerID": str(u), "asin": str(i), "unixReviewTime": t, "summary": "é {"} for u, i, t in log)
    with gzip.open(path, "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return path


def write_csv(path: Path, log: Sequence[Event]) -> Path:
    path.write_text("time,user_id,item_id\r\n" + "".join(f'{t},"{u}",{i}\r\n' for u, i, t in log))
    return path


def write_tsv_gz(path: Path, log: Sequence[Event]) -> Path:
    with gzip.open(path, "wt") as file:
        file.write("user_id:token\titem_id:token\trating:float\ttimestamp:float\n")
        file.writelines(f"{user}\t{item}\t3\t{time}.0\n" for user, item, time in log)
    return path


def write_per_line(path: Path, log: Sequence[Event]) -> Path:
    path.write_text("".join(f"{user} {' '.join(map(str, items))}\n" for user, items in by_user(log).items()))
    return path


def write_pairs(path: Path, log: Sequence[Event]) -> Path:
    path.write_text("".join(f"{user} {item}\n" for user, items in by_user(log).items() for item in items))
    return path


def write_pickle(path: Path, log: Sequence[Event]) -> Path:
    """As the public ones: internal ids, with maps from the source's own."""
    histories = by_user(log)
    umap = {user: number for number, user in enumerate(histories)}
    smap: dict[int, int] = {}
    for items in histories.values():
        for item in items:
            smap.setdefault(item, len(smap) + 1)
    parts = {"train": slice(None, -2), "val": slice(-2, -1), "test": slice(-1, None)}
    tables = {
        part: {umap[user]: [smap[item] for item in items[where]] for user, items in histories.items()}
        for part, where in parts.items()
    }
    path.write_bytes(pickle.dumps(tables | {"umap": umap, "smap": smap}))
    return path


WRITERS: dict[str, Callable[[Path, Sequence[Event]], Path]] = {
    "u.data": write_u_data,
    "ml-100k.zip": write_movielens_zip,
    "ratings.csv": write_ratings,
    "reviews.json.gz": write_reviews,
    "table.csv": write_csv,
    "table.tsv.gz": write_tsv_gz,
    "text.txt": write_per_line,
    "pairs.txt": write_pairs,
    "dataset.pkl": write_pickle,
}
"""File name -> who writes a log in that form."""
