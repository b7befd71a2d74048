"""How a model is trained: the optimiser, the stages, when to look at validation and when to stop."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Precision = Literal["fp32", "tf32", "bf16"]
Metric = Literal["H@5", "N@5", "H@10", "N@10", "H@20", "N@20", "MRR"]
Decay = Annotated[float, Field(ge=0, lt=1)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class Stage(_Frozen):
    """One training stage: the model is told its name (`Recommender.enter_stage`) and a fresh optimiser is made."""

    epochs: int = Field(200, ge=0)
    """At most so many passes over the samples."""
    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    decay_every: int = Field(0, ge=0)
    """Multiply the learning rate by `decay_factor` every so many epochs; 0 never."""
    decay_factor: float = Field(0.1, gt=0, le=1)
    warmup_steps: int = Field(0, ge=0)
    """Steps over which the learning rate grows linearly from zero."""
    clip_norm: float = Field(0.0, ge=0)
    """Clip the global gradient norm to this; 0 never."""
    evaluate_every: int = Field(1, ge=1)
    """Look at validation after every so many epochs (and after the last)."""
    looks_from: int = Field(1, ge=1, exclude_if=lambda epoch: epoch == 1)
    """The first epoch after which that is done. Not written where it is the first, as records from before it."""
    patience: int = Field(10, ge=1)
    """Stop after so many looks in a row without improvement."""
    selection: Literal["N@20", "any"] = "N@20"
    """`N@20`: validation N@20 under protocol `filtered`. `any`: the released rule, under protocol `released`: a look
    improves if any metric of `selection_metrics` beats its own best (docs/fidelity.md, F13)."""
    selection_metrics: tuple[Metric, ...] = Field(("H@10", "N@10", "H@20", "N@20"), min_length=1)
    budget_share: float = Field(1.0, gt=0)
    """This stage's share of a wall-clock budget, relative to the other stages'."""

    def looks_after(self, passes: int) -> bool:
        """Whether to look at validation after so many."""
        due = passes % self.evaluate_every == 0 and passes >= self.looks_from
        return due or passes == self.epochs


class Training(_Frozen):
    """The whole of training, as it goes into a record."""

    batch_size: int = Field(512, ge=1)
    optimizer: Literal["adam", "adamw"] = "adam"
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    precision: Precision = "fp32"
    """Of steps; looks and ranks are fp32 always, and so are reference numbers. tf32, for a CUDA device, rounds what is
    multiplied in matrix products to ten bits of mantissa; bf16 runs the forward pass under autocast."""
    look_steps: int | None = Field(None, ge=1, exclude_if=lambda steps: steps is None)
    """Sampler steps at looks at validation; None: the model's own number, in which the end is ranked always. Written
    where it is a number, as records from before it are without it."""
    time_budget: float | None = Field(None, gt=0)
    """Stop after so many seconds of training steps (looks at validation, checkpoints and compiling not counted); marks
    the run `budget`."""
    stages: dict[str, Stage] = Field(default_factory=lambda: {"train": Stage()})
    """In order; each starts from the best weights of the one before. One of no epochs is left out: the model is not
    told of it, and what it leaves of a budget is for those after it."""

    def limit(self, stage: str) -> float:
        """The second, counted from the start of training, at which `stage` must be over; infinity without a budget."""
        shares = [stage.budget_share for stage in self.stages.values()]
        gone = sum(shares[: list(self.stages).index(stage) + 1])
        return self.time_budget * gone / sum(shares) if self.time_budget else float("inf")
