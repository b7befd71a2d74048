"""Which hyper-parameters a run uses: presets/<dataset>/<model>.toml, then what the user sets on top.

A preset file holds ``[model]`` and ``[training]`` tables shared by all its settings, a table per setting with what
differs (``[paper.model]``), optional ``[variants.NAME]`` tables laid over a setting, and ``rows``: the settings and
variants that a campaign runs, as "setting" or "setting/variant". ``[quick]`` tables are laid over all of it in the
profiles that give a run a minute. ``base = "default"`` takes over another folder's file first. Synthetic sets and
users' own data use ``default/``. ``[published.weights.STAGE]`` says where the model's authors offer weights, and
``[published.data]`` the sequences that number the items as these do.
"""

import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fave_bench.data.catalogue import Download
from fave_bench.errors import BenchError, UsageError, first_complaint, unknown
from fave_bench.models import registry
from fave_bench.models.contract import ModelConfig
from fave_bench.studies.catalogue import is_variation
from fave_bench.training.config import Training
from fave_bench.trees import Tree, at, laid_over, overlay

FOLDER = Path(__file__).parent
RESERVED = {"base", "rows", "model", "training", "variants", "quick", "published"}
BASE = "default"
SHOWN = 200
"""Characters of a wrong value that an error quotes."""
M = TypeVar("M", bound=BaseModel)


class _Layer(BaseModel):
    """A setting, a variant or the quick tuning."""

    model_config = ConfigDict(extra="forbid", strict=True)
    model: Tree = {}
    training: Tree = {}


class Published(BaseModel):
    """What the model's authors offer beside their code."""

    model_config = ConfigDict(extra="forbid")  # and not strict, which takes a table for no dataclass
    data: Download
    """The sequences that the weights were trained on."""
    weights: dict[str, Download] = Field(min_length=1)
    """Training stage -> the weights after it."""


class _File(BaseModel):
    """The shape of a preset file; every further table is a setting."""

    model_config = ConfigDict(extra="allow", strict=True)
    __pydantic_extra__: dict[str, _Layer]
    base: Literal["default"] = "default"
    rows: list[str] = Field([], min_length=1)
    model: Tree = {}
    training: Tree = {}
    variants: dict[str, _Layer] = {}
    quick: _Layer = _Layer()
    published: Published | None = None


@dataclass(frozen=True)
class Plan:
    """The full, validated configuration of one run."""

    model: str
    setting: str
    variant: str
    model_config: ModelConfig
    training: Training
    changes: Tree = field(default_factory=dict)
    """Dotted key -> value of what the overrides change, as validated; to say what the preset says changes nothing."""
    tuned: bool = False
    """Whether the preset's tuning for short budgets is in it."""
    shortened: frozenset[str] = frozenset()
    """Stages with fewer epochs than the preset gives them, where it is not a study that asks for just so many."""

    @property
    def tree(self) -> Tree:
        """{"model": …, "training": …} as a record holds them."""
        return {"model": self.model_config.model_dump(mode="json"), "training": self.training.model_dump(mode="json")}

    def limited(
        self,
        *,
        epochs: int | None = None,
        time_budget: float | None = None,
        precision: str | None = None,
        look_steps: int | None = None,
    ) -> "Plan":
        """The same plan with at most so many epochs in every stage, so many seconds in all, in that precision, and with
        so many sampler steps at looks.

        A stage without epochs is left out of training, and stays out.
        """
        given = {"time_budget": time_budget, "precision": precision, "look_steps": look_steps}
        limits: Tree = {name: value for name, value in given.items() if value is not None}
        if epochs is not None:
            limits["stages"] = {
                name: stage.model_dump() | {"epochs": epochs if stage.epochs else 0}
                for name, stage in self.training.stages.items()
            }
        training = _validated(Training, self.training.model_dump() | limits, "limits of the run")
        return replace(self, training=training, shortened=self.shortened | _shorter(training, self.training))


def rows(dataset: str, model: str) -> list[tuple[str, str]]:
    """The (setting, variant) pairs of `model` that belong in tables, first the default one."""
    tree = _read(dataset, model)
    listed = tree.get("rows") or [name for name in tree if name not in RESERVED] or ["default"]
    return [(setting, variant) for setting, _, variant in (row.partition("/") for row in listed)]


def published(dataset: str, model: str) -> Published | None:
    """Which weights the authors of `model` offer for the dataset; None where none are known."""
    return _File.model_validate(_read(dataset, model)).published


def plan(
    dataset: str, model: str, setting: str | None, variant: str | None, overrides: Tree, *, quick: bool = False
) -> Plan:
    """Resolve one run. `quick` lays the preset's tuning for short budgets over it; `overrides` are dotted keys below
    ``model.`` and ``training.``, and win. Unknown names and impossible values raise UsageError."""
    tree = _read(dataset, model)
    first = rows(dataset, model)[0]
    setting, variant = setting or first[0], first[1] if setting is None and variant is None else variant or ""
    settings = {name for name in tree if name not in RESERVED} or {"default"}
    if setting not in settings:
        raise unknown(f"setting of {model}", setting, settings)
    layers = [{key: tree.get(key, {}) for key in ("model", "training")}, tree.get(setting, {})]
    if variant:
        variants = tree.get("variants", {})
        if variant not in variants:
            raise unknown(f"variant of {model}", variant, variants)
        layers.append(variants[variant])
    tuning = tree.get("quick", {}) if quick else {}
    merged = overlay(*layers, tuning)
    found = replace(_resolved(dataset, model, setting, variant, laid_over(merged, overrides)), tuned=bool(tuning))
    _require_stages(model, found.training, layers[0]["training"].get("stages", {}))
    if not overrides:
        return found
    usual = _resolved(dataset, model, setting, variant, merged)
    before, after = usual.tree, found.tree
    changes = {key: at(after, key) for key in sorted(overrides) if at(after, key) != at(before, key)}
    shortened = frozenset[str]() if is_variation(model, changes) else _shorter(found.training, usual.training)
    return replace(found, changes=changes, shortened=shortened)


def _require_stages(model: str, training: Training, named: Tree) -> None:
    """Raise UsageError for a stage that is none of those that the preset names, where it names any: a misspelt one
    would be trained as one more."""
    for name in training.stages:
        if named and name not in named:
            raise unknown(f"stage of {model}", name, named)


def _shorter(training: Training, usual: Training) -> frozenset[str]:
    """The stages that end before their usual last epoch; one that is left out, with no epochs at all, is none."""
    before = {name: stage.epochs for name, stage in usual.stages.items()}
    return frozenset(name for name, stage in training.stages.items() if 0 < stage.epochs < before.get(name, 0))


def _resolved(dataset: str, model: str, setting: str, variant: str, tree: Tree) -> Plan:
    return Plan(
        model=model,
        setting=setting,
        variant=variant,
        model_config=_validated(registry.load(model).Config, tree.get("model", {}), f"{dataset}/{model}: model"),
        training=_validated(Training, tree.get("training", {}), f"{dataset}/{model}: training"),
    )


def parse_overrides(pairs: list[str]) -> Tree:
    """``["model.alpha=0.3"]`` -> ``{"model.alpha": 0.3}``; values as in TOML, a bare word is a string."""
    overrides: Tree = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.startswith(("model.", "training.")):
            raise UsageError(f"--set '{pair}': write model.KEY=VALUE or training.KEY=VALUE")
        try:
            overrides[key] = tomllib.loads(f"value = {text}")["value"]
        except (ValueError, RecursionError):
            overrides[key] = text
    return overrides


def _read(dataset: str, model: str) -> Tree:
    registry.load(model)
    for folder in (dataset, "default"):
        path = FOLDER / folder / f"{model}.toml"
        if path.is_file():
            tree = _checked(path)
            if "base" not in tree:
                return tree
            if folder == BASE:
                raise BenchError(f"preset {folder}/{model}.toml: base: it is the base of others and has none itself")
            return overlay(_read(BASE, model), tree)
    return {}


def _checked(path: Path) -> Tree:
    """The file's tables, of the right shape; what is in them is for `_validated`."""
    where = f"preset {path.parent.name}/{path.name}"
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
        _File.model_validate(tree)
    except ValidationError as error:
        raise BenchError(f"{where}: {first_complaint(error)}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise BenchError(f"{where}: {error}") from None
    return tree


def _validated(kind: type[M], tree: Tree, where: str) -> M:
    try:
        return kind.model_validate(tree)
    except ValidationError as error:
        raise _plain(error, kind, where) from None


def _plain(error: ValidationError, kind: type[BaseModel], where: str) -> UsageError:
    """pydantic's first complaint as one sentence with the key's path, and the nearest key for a misspelt one."""
    first = error.errors(include_url=False)[0]
    path = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
        return unknown(f"key in {where}", path, kind.model_fields)
    if not path:  # values that do not go together: the sentence names them
        return UsageError(f"{where}: {first_complaint(error)}")
    return UsageError(f"{where}.{path} = {_shown(first['input'])}: {first['msg']}")


def _shown(value: object) -> str:
    try:
        return repr(value)[:SHOWN]
    except ValueError:  # Python writes no number of more than 4,300 digits, and hexadecimal ones can be read
        return "a huge number"
