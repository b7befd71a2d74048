"""The per-user outcome of one phase, and the arrays it is stored as."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int32]
COUNTS = ("higher", "equal")
DECIDED = "decided"


@dataclass(frozen=True)
class PhaseRanks:
    """How many candidates beat, and how many tie with, each user's target. The rank is 1 + higher + equal / 2."""

    users: IntArray
    """(E,) canonical user index, in the phase's order."""
    higher: dict[str, IntArray]
    """Protocol -> (E,) candidates scoring strictly higher than the target."""
    equal: dict[str, IntArray]
    """Protocol -> (E,) other candidates scoring exactly the same."""
    lists: IntArray | None = None
    """(E, K) best candidates of the filtered protocol, best first, 0 where they run out; None if not asked for."""
    decided: dict[str, int] = field(default_factory=dict)
    """Protocol -> the place down to which everybody's ranks are known, where lists were cut off. A target that is not
    found has the count of candidates known to beat it, at least so many. All ranks are known without an entry."""

    def ranks(self, protocol: str) -> NDArray[np.float64]:
        """(E,) mid-ranks from 1; half-integer where an odd number of others ties with the target."""
        return np.asarray(1.0 + self.higher[protocol] + self.equal[protocol] / 2, dtype=np.float64)

    @property
    def tied(self) -> bool:
        """Whether any target shares its score with another candidate."""
        return any(bool(counts.any()) for counts in self.equal.values())


def pack(phases: Mapping[str, PhaseRanks]) -> dict[str, NDArray[Any]]:
    """Arrays for ranks.npz, each in its smallest integer type.

    ``<phase>.users`` holds first differences (ones, mostly). The first protocol in the alphabet is stored as counted,
    ``<phase>.<protocol>.higher`` and ``.equal``; the others as what they add to it, ``<phase>.<protocol>-<first>.…``.
    Both tricks are for size: two protocols differ by the few seen items, and a clone should stay small.
    ``<phase>.<protocol>.decided`` is one number, there only where lists were cut off.
    """
    arrays = {}
    for name, phase in phases.items():
        first, *others = sorted(phase.higher)
        arrays[f"{name}.users"] = _tight(np.diff(phase.users, prepend=0))
        for count in COUNTS:
            counted: dict[str, IntArray] = getattr(phase, count)
            arrays[f"{name}.{first}.{count}"] = _tight(counted[first])
            for other in others:
                arrays[f"{name}.{other}-{first}.{count}"] = _tight(counted[other] - counted[first])
        arrays |= {f"{name}.{protocol}.{DECIDED}": np.array([k]) for protocol, k in phase.decided.items()}
    return arrays


def unpack(arrays: Mapping[str, NDArray[Any]]) -> dict[str, PhaseRanks]:
    """The inverse of `pack`. Raises ValueError or KeyError for arrays that `pack` did not make."""
    users: dict[str, IntArray] = {}
    counted: dict[str, dict[str, dict[str, IntArray]]] = {}
    decided: dict[str, dict[str, int]] = {}
    for key in arrays:
        if arrays[key].ndim != 1 or arrays[key].dtype.kind not in "iu":
            raise ValueError(f"{key} is no list of integers")
        values = arrays[key].astype(np.int32)
        phase, *rest = key.split(".")
        if rest == ["users"]:
            users[phase] = np.cumsum(values, dtype=np.int32)
        elif rest[1:] == [DECIDED]:
            decided.setdefault(phase, {})[rest[0]] = values.item()
        else:
            (protocol, _, first), count = rest[0].partition("-"), rest[1]
            base = arrays[f"{phase}.{first}.{count}"].astype(np.int32) if first else 0
            counted.setdefault(phase, {name: {} for name in COUNTS})[count][protocol] = base + values
    for phase, counts in counted.items():
        kinds = [counts[count] for count in COUNTS]
        if kinds[0].keys() != kinds[1].keys() or any(v.shape != users[phase].shape for k in kinds for v in k.values()):
            raise ValueError(f"{phase} has not both counts of every user under every protocol")
        if any(protocol not in kinds[0] or k < 0 for protocol, k in decided.get(phase, {}).items()):
            raise ValueError(f"{phase} says how far ranks are known under a protocol without ranks, or not even so far")
    return {
        phase: PhaseRanks(
            users[phase], counted[phase]["higher"], counted[phase]["equal"], decided=decided.get(phase, {})
        )
        for phase in users
    }


def _tight(values: NDArray[Any]) -> NDArray[Any]:
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    return values.astype(np.result_type(np.min_scalar_type(low), np.min_scalar_type(high)))
