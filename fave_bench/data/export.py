"""A dataset and its split as plain files, so that what another program learns from is what is learned from here."""

from pathlib import Path

import numpy as np
import pandas as pd

from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import Split
from fave_bench.files import replacing

USERS, ITEMS, INTERACTIONS = "users.csv", "items.csv", "interactions.csv"


def export(sequences: Sequences, split: Split, folder: Path) -> list[Path]:
    """Write three CSV files with a header each, and return their paths.

    ``users.csv`` (user, original) and ``items.csv`` (item, original) hold the canonical numbers, users from 0 and
    items from 1, and the source's own ids. ``interactions.csv`` (user, item, position, part and, where the source has
    times, time as it counts them) holds every action by canonical numbers, each user's from position 0, oldest first;
    for what `part` says see `parts`.
    """
    owner = sequences.owner
    actions = {
        "user": owner,
        "item": sequences.items,
        "position": np.arange(sequences.num_actions) - sequences.offsets[owner],
        "part": parts(sequences, split),
        **({} if sequences.times is None else {"time": sequences.times}),
    }
    tables: dict[str, dict[str, object]] = {
        USERS: {"user": np.arange(sequences.num_users), "original": sequences.user_labels},
        ITEMS: {"item": np.arange(1, sequences.num_items + 1), "original": sequences.item_labels},
        INTERACTIONS: actions,
    }
    for name, columns in tables.items():
        with replacing(folder / name) as file:
            pd.DataFrame(columns).to_csv(file, index=False, lineterminator="\n", errors="backslashreplace")
    return [folder / name for name in tables]


def parts(sequences: Sequences, split: Split) -> "pd.Categorical[str]":
    """(A,) `train`, `validation` and `test` for what is trained on and the two targets.

    `other` is what a temporal split asks nobody about: of a history where it precedes the target.
    """
    code = split.trained(sequences).astype(np.int8)
    code[split.validation.stop], code[split.test.stop] = 2, 3
    return pd.Categorical.from_codes(code, categories=["other", "train", "validation", "test"])
