"""Weights that the authors' public code has trained, ranked as this project ranks: a record without a training here."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from fave_bench import presets
from fave_bench.cli import say
from fave_bench.data.sequences import Sequences
from fave_bench.efficiency.environment import describe, resolve_device
from fave_bench.errors import BenchError, unknown
from fave_bench.evaluation.item_spaces import Spaces, own_space
from fave_bench.evaluation.phase_ranks import PhaseRanks
from fave_bench.evaluation.ranks import rank_phase
from fave_bench.external.evaluation import Evaluation, Spec
from fave_bench.external.judging import Judgement
from fave_bench.models import import_released
from fave_bench.models.contract import GenerativeRecommender, Recommender, parameter_count
from fave_bench.randomness import Draw, seed_of
from fave_bench.records.facts import list_length
from fave_bench.trees import Tree

SETTING = "released"
"""What a model does that the authors' public code has trained."""


@dataclass(frozen=True)
class WeightsSpec(Spec):
    """`files` holds `weights` alone."""

    network: str = ""
    """The model's name in the registry."""
    stage: str | None = None
    """Which training stage the weights come from; None: the one that public files are of."""
    overrides: Tree = field(default_factory=dict)
    """Dotted keys laid over the dataset's preset."""
    device: str = "auto"


class WeightsEvaluation(Evaluation):
    """One file of weights, in the preset of its dataset."""

    spec: WeightsSpec

    def _open(self) -> dict[str, Any]:
        spec = self.spec
        self.device = resolve_device(spec.device)
        plan = presets.plan(spec.dataset, spec.network, SETTING, "", spec.overrides)
        if spec.stage and spec.stage not in plan.training.stages:
            raise unknown(f"stage of {spec.network}", spec.stage, plan.training.stages)
        path, preset = spec.files["weights"], plan.model_config.model_dump()
        changed = {key.removeprefix("model."): value for key, value in plan.changes.items()}
        found = import_released(path, spec.network, stage=spec.stage, preset=preset, **changed)
        if found.num_items != self.sequences.num_items:
            raise BenchError(
                f"{path}: weights of {found.num_items:,} items, and {spec.dataset} as it is here has "
                f"{self.sequences.num_items:,}; give with --from the file that they were trained on"
            )
        self.network = Renumbered(found, numbers(self.sequences)).to(self.device)
        return {"model": found.config.model_dump(mode="json"), "network": spec.network, "stage": spec.stage}

    def _judged(self) -> dict[str, Judgement]:
        note = f"items are taken to be numbered as in {self.sequences.source}"
        return {"validation": Judgement(self._ranks("validation"), ()), "test": Judgement(self._ranks("test"), (note,))}

    def _ranks(self, phase: str) -> PhaseRanks:
        asked = self._phase(phase)
        say(f"{self.spec.dataset} {self.spec.title}: ranking the {phase} targets of {len(asked.users):,} users")
        return rank_phase(
            self.network,
            torch.as_tensor(self.sequences.items, dtype=torch.int64, device=self.device),
            asked,
            window=self.network.config.window,
            seed=seed_of(self.spec.seed, "draw", phase),
            lists=list_length(phase),
        )

    def _of_the_model(self) -> dict[str, Any]:
        model = self.network.model
        steps = model.sampler_steps() if isinstance(model, GenerativeRecommender) else None
        return {
            "parameters": parameter_count(model),
            "inference": {"steps": steps, "draw_seed": self.spec.seed},
            "environment": describe(self.device),
        }

    def _own_space(self) -> Spaces:
        return {"own": own_space(self.network)}


class Renumbered(Recommender):
    """A model that knows the items under other numbers than the dataset does here."""

    original: Tensor

    def __init__(self, model: Recommender, original: Tensor) -> None:
        """`original` (V,) int64: item i here is `original[i]` to the model; padding is 0 to both."""
        super().__init__(model.config, model.num_items)
        self.model = model
        self.register_buffer("original", original, persistent=False)
        self.eval()

    @property
    def padding_free(self) -> bool:
        return self.model.padding_free

    def scores(self, history: Tensor, *, draw: Draw) -> Tensor:
        return self.model.scores(self.original[history], draw=draw)[:, self.original]

    def item_vectors(self) -> Tensor:
        return self.model.item_vectors()[self.original]


def numbers(sequences: Sequences) -> Tensor:
    """(V,) int64: what the data's source calls each item, where these are the numbers 1 .. N, as in the public
    dataset.pkl files. BenchError where they are not."""
    labels = sequences.item_labels or tuple(map(str, range(1, sequences.num_items + 1)))
    named = [int(label) if label.isdecimal() else 0 for label in labels]
    if sorted(named) != list(range(1, sequences.num_items + 1)):
        raise BenchError(
            f"{sequences.name}: weights number the items from 1 to {sequences.num_items:,}, and {sequences.source} "
            f"does not (one is '{labels[0]}'); give with --from what they were trained on, such as a dataset.pkl"
        )
    return torch.tensor([0, *named])
