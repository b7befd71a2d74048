"""What every record says, whether its model was trained here or by another program."""

from collections.abc import Callable
from typing import Any

from fave_bench.cli import say_once
from fave_bench.data import catalogue
from fave_bench.data.sequences import Sequences
from fave_bench.evaluation.metrics import ByProtocol, errors_of, metrics_of
from fave_bench.evaluation.phase_ranks import PhaseRanks
from fave_bench.evaluation.protocols import PROTOCOLS

LIST_LENGTH = 20
"""Items kept per user for diversity and for showing recommendations."""


def list_length(phase: str) -> int:
    """Items of each user's list that a phase is to find."""
    return LIST_LENGTH if phase == "test" else 0


def dataset_facts(name: str, sequences: Sequences, split: str) -> dict[str, Any]:
    """What a record says of its data."""
    counts = {"users": sequences.num_users, "items": sequences.num_items, "actions": sequences.num_actions}
    return {
        "name": name,
        "source": sequences.source,
        "fingerprint": sequences.fingerprint,
        **counts,
        "synthetic": sequences.synthetic,
        "oracle": sequences.oracle,
        "split": split,
        "other_data": is_other(name, sequences),
    }


def is_other(name: str, sequences: Sequences) -> bool:
    """Whether papers print numbers under that name which are of other data."""
    known = catalogue.entries().get(name)
    return known is not None and not known.fits(sequences.num_users, sequences.num_items, sequences.num_actions)


def say_where_other(dataset: dict[str, Any]) -> None:
    """Tell, of what `dataset_facts` found, that data under a printed name are not those behind the print."""
    name = dataset["name"]
    if dataset["other_data"]:
        say_once(
            f"{name}: {dataset['source']} holds {dataset['users']:,} users and {dataset['items']:,} items, so it is "
            f"not the papers' {name}, and nothing printed will be compared with it; data of your own may have any name",
            dataset["fingerprint"],
        )


def accuracy_facts(ranks: dict[str, PhaseRanks]) -> dict[str, Any]:
    """What a record says of how well the targets of each phase rank."""
    return {"metrics": _by_protocol(ranks, metrics_of), "standard_errors": _by_protocol(ranks, errors_of)}


def _by_protocol(
    ranks: dict[str, PhaseRanks], of: Callable[[PhaseRanks], ByProtocol]
) -> dict[str, dict[str, dict[str, float]]]:
    """Protocol -> phase -> what `of` says of the phase, without protocols of which it has no ranks."""
    per_phase = {phase: of(phase_ranks) for phase, phase_ranks in ranks.items()}
    found = {
        protocol: {phase: said[protocol] for phase, said in per_phase.items() if protocol in said}
        for protocol in PROTOCOLS
    }
    return {protocol: phases for protocol, phases in found.items() if phases}
