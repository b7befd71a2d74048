"""The plan of a campaign or a study: which runs are recorded, how long the others take; for people and for programs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fave_bench.estimates import Estimates
    from fave_bench.records import Store
    from fave_bench.runner import Run


@dataclass(frozen=True)
class Planned:
    """A run of a plan."""

    key: str
    run: str
    recorded: bool
    seconds: float | None = None
    """That it takes, without shared stages that an earlier run of the plan trains; None for what is recorded, or not
    known."""
    at_most: bool = False
    """Whether it may take less than `seconds`."""
    otherwise: str | None = None
    """Key of a record of the same row and seed with another configuration."""
    changes: Mapping[str, object] = field(default_factory=dict)
    """What differs in that one: dotted key -> its value."""

    @property
    def state(self) -> str:
        from fave_bench.estimates import in_words
        from fave_bench.trees import shorter

        if self.recorded:
            return "recorded"
        time_words = "time unknown"
        if self.seconds is not None:
            time_words = f"{'at most' if self.at_most else 'about'} {in_words(self.seconds)}"
        changes = ", ".join(f"{shorter(key)}={value}" for key, value in self.changes.items())
        return f"to do, {time_words}" + (f"; recorded as {self.otherwise} with {changes}" if self.otherwise else "")


def print_plan(runs: "Sequence[Run]", store: "Store", problems: Sequence[str] = (), *, as_json: bool = False) -> None:
    """A line per run in the order of doing, with its state, a sum, and what could not even be planned.

    Of a run that is to do it names a record of the same row and seed with another configuration, such as precision.
    """
    from fave_bench.estimates import Estimates, in_words

    estimates, trained = Estimates(store), set[str]()
    plan = [_planned(run, store, estimates, trained) for run in runs]
    if as_json:
        print(json.dumps({"runs": [asdict(one) for one in plan], "not_planned": list(problems)}, ensure_ascii=False))
        return
    for one in plan:
        print(f"{one.key}  {one.run:50} {one.state}")
    to_do = [one for one in plan if not one.recorded]
    known = [one.seconds for one in to_do if one.seconds is not None]
    about = "at most" if any(one.at_most for one in to_do) else "about"
    words = f"{about} {in_words(sum(known))} to do, one after the other"
    unknown_runs = len(to_do) - len(known)
    print(f"{len(plan)} runs; {words}" + f", and {unknown_runs} without an estimate" * bool(unknown_runs))
    for sentence in problems:
        print(f"not planned: {sentence}")


def _planned(run: "Run", store: "Store", estimates: "Estimates", trained: set[str]) -> Planned:
    """`trained` are the keys of the shared stages that earlier runs of the plan leave; this one's are added."""
    from fave_bench.trees import differences

    if run.recorded(store):
        return Planned(run.key, str(run), recorded=True)
    found, other = estimates.of(run, trained), estimates.otherwise(run)
    trained.update(estimates.shared(run).keys.values())
    return Planned(
        run.key,
        str(run),
        recorded=False,
        seconds=found.seconds if found else None,
        at_most=bool(found and found.at_most),
        otherwise=other.key if other else None,
        changes=differences(run.config, other.config) if other else {},
    )
