"""What is measured: the rows of the presets, as untrained models of their real size. Weights do not change speed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from fave_bench import data, presets
from fave_bench.cli import say
from fave_bench.data.catalogue import STAND_INS
from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import leave_one_out
from fave_bench.measure import Request
from fave_bench.models import registry
from fave_bench.models.contract import Recommender
from fave_bench.presets import Plan
from fave_bench.records.facts import is_other


@dataclass(frozen=True)
class Subject:
    """One row of a preset, on one dataset."""

    plan: Plan
    sequences: Sequences

    @property
    def labels(self) -> dict[str, Any]:
        """The fields that every measured row begins with."""
        plan = self.plan
        title = registry.load(plan.model).title or plan.model
        return {
            "model": plan.model, "title": title, "dataset": self.sequences.name,
            "setting": plan.setting, "variant": plan.variant,
            "other_data": is_other(self.sequences.name, self.sequences),
        }  # fmt: skip

    def build(self, device: torch.device, switches: Mapping[str, Any] | None = None) -> Recommender:
        """An untrained, fitted model in evaluation mode, at its last stage; `switches` replace configuration."""
        torch.manual_seed(0)
        config = self.plan.model_config.model_copy(update=dict(switches or {}))
        model = registry.load(self.plan.model)(config, self.sequences.num_items).to(device)
        model.fit(self.sequences, leave_one_out(self.sequences))
        for stage in self.plan.training.stages:
            model.enter_stage(stage)
        return model.eval()


def subjects(request: Request) -> Iterator[Subject]:
    """Every row the request asks for, dataset by dataset."""
    for dataset in request.datasets:
        sequences = _sequences(dataset)
        for model in request.models:
            for setting, variant in presets.rows(dataset, model):
                if not request.settings or setting in request.settings:
                    yield Subject(presets.plan(dataset, model, setting, variant, {}), sequences)


def _sequences(dataset: str) -> Sequences:
    stand_in = STAND_INS.get(dataset)
    if stand_in and not data.available(dataset):
        say(f"{dataset} is not on this machine: measured on {stand_in}, generated data of the same size")
        return data.load(stand_in)
    return data.load(dataset)
