"""What a recommender is to this harness. Small on purpose: a model knows no trainer, no metric, no table."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import Split
from fave_bench.randomness import Draw
from fave_bench.shares import Share

MeanOver = Literal["samples", "slots", "everything"]


class ModelConfig(BaseModel):
    """Base of every model's configuration: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    window: int = Field(50, ge=1)
    """Items of history the model sees, L."""


class MultiHeadConfig(ModelConfig):
    """Base of a configuration with a width `d` that attention `heads` share evenly."""

    if TYPE_CHECKING:
        d: int
        heads: int

    @model_validator(mode="after")
    def _heads_fit(self) -> Self:
        if self.d % self.heads:
            raise ValueError(f"d {self.d} must be a multiple of heads {self.heads}")
        return self


@dataclass(frozen=True)
class Batch:
    """One training step's data, on the device. Histories are left-padded with 0, the last slot is the newest item.

    Where processes share it, B samples are those that one of them works on, of W in all; see `shares`.
    """

    users: Tensor
    """(B,) int64, canonical user index."""
    history: Tensor
    """(B, L) int64."""
    target: Tensor
    """Prefix samples: (B,) the next item. Sequence samples: (B, L) each slot's next item, 0 where there is none.
    Windows: (B, L) the history itself, for a model that hides some of it and predicts that."""
    draw: Draw
    """This step's randomness, a function of (seed, stage, epoch, step)."""
    slots: Tensor | None = None
    """Sequence samples and windows: (M,) flat positions in (B, L) that have a target; a loss touches only those."""
    lengths: Tensor | None = None
    """(W,) items in each history, on the host; descending for a model that is `padding_free`."""
    share: Share | None = None
    """None: nobody shares this batch, and W = B."""
    everyone: Tensor | None = None
    """(W, L) the histories of all samples, for a loss that depends on them all; None: `history` are all there are."""


class LayerUse(NamedTuple):
    """What a layer does when its authors' code scores one user."""

    weight: Tensor
    """Of a linear or recurrent layer, or a convolution's kernel."""
    vectors: int
    """How many vectors it multiplies; for a kernel, at how many positions."""
    needed: bool = True
    """False for what is run although the scores do not depend on it."""


def linear_uses(vectors: int, *modules: nn.Module, needed: bool = True) -> Iterator[LayerUse]:
    """Every linear layer in `modules`, on so many vectors each."""
    for module in modules:
        for layer in module.modules():
            if isinstance(layer, nn.Linear):
                yield LayerUse(layer.weight, vectors, needed)


class Recommender(nn.Module):
    """A model: named losses to train on, and scores over the catalogue to rank by."""

    Config: ClassVar[type[ModelConfig]] = ModelConfig
    version: ClassVar[int] = 1
    """Raised whenever the model's mathematics change, so that old records are not taken for new ones."""
    title: ClassVar[str] = ""
    """How tables print the name; also the key into the papers' printed numbers."""
    samples: ClassVar[Literal["prefix", "sequence", "windows", "none"]] = "prefix"
    """`prefix`: one (history, next item) pair per training position. `sequence`: one window per user, every slot
    predicts the next item. `windows`: as many windows per user as hold all training items, the newest included.
    `none`: nothing to train, `fit` does it all."""
    stage_fields: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Training stage -> fields of `Config` that nothing before that stage depends on, so that runs which differ in them
    alone may share what comes before. A field that is not named matters from the start."""
    means: ClassVar[Mapping[str, MeanOver]] = {}
    """Loss term -> what it is a mean over, so that processes can share a batch and arrive at the whole batch's mean:
    its `samples` (or a term of the weights alone), its `slots`, or `everything` of the whole batch already, so that the
    shares' terms need only be added. A model that does not name its terms is trained by one process."""
    as_released: ClassVar[dict[str, Any]] = {}
    """Configuration under which a request costs what it costs in the model's public code. What is computed stays the
    same, and so does the law of what is drawn."""

    def __init__(self, config: Any, num_items: int) -> None:
        """`num_items` is N; ids run 1..N, row 0 of any table is padding and V = N + 1."""
        super().__init__()
        self.config = config
        self.num_items = num_items
        self.vocabulary = num_items + 1

    @property
    def padding_free(self) -> bool:
        """Whether dropping leading columns that are padding in every row of the batch changes neither scores nor
        losses.

        Beyond rounding, for histories that hold an item. Training and ranking then do no work on padding. What ranking
        draws per slot is drawn for the whole window.
        """
        return False

    @property
    def recordable(self) -> bool:
        """Whether a training step launches the same kernels whatever a batch of its size holds, so that a CUDA graph of
        one step can take the others. Not where a batch is cut to its lengths, or numbers are drawn on the host."""
        return False

    @property
    def training_method(self) -> str:
        """Name of the method, of tensors or `Dual`s, in which the present stage's steps spend their time, for a trainer
        that compiles it. Empty: there is none, or it cannot be compiled."""
        return ""

    def fit(self, sequences: Sequences, split: Split) -> None:
        """Closed-form preparation from the training ranges (counts, sparse matrices), before any step is trained."""

    def enter_stage(self, name: str) -> None:
        """Called before a training stage: freeze, thaw or switch the objective. One-stage models ignore it."""

    def learning_rate_factors(self) -> dict[str, float]:
        """Submodule name -> factor on the stage's learning rate, for the parts that learn at a speed of their own."""
        return {}

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Named scalar terms, already weighted; the trainer adds them up."""
        raise NotImplementedError(f"{type(self).__name__} has nothing to train")

    def published_layers(self) -> Iterator[LayerUse] | None:
        """The layers that the authors' code runs to score one user, where that is more than `scores` runs."""
        return None

    def user_vectors(self, history: Tensor, *, draw: Draw) -> Tensor:
        """(B, L) int64 histories -> (B, d)."""
        raise NotImplementedError(f"{type(self).__name__} has no user vectors")

    def item_vectors(self) -> Tensor:
        """(V, d); row 0 is padding."""
        raise NotImplementedError(f"{type(self).__name__} has no item vectors")

    def catalogue_scores(self, vectors: Tensor) -> Tensor:
        """(B, d) user vectors -> (B, V)."""
        return vectors @ self.item_vectors().T

    def scores(self, history: Tensor, *, draw: Draw) -> Tensor:
        """(B, L) -> (B, V), finite; higher is better. No masking: the protocol decides who is a candidate."""
        return self.catalogue_scores(self.user_vectors(history, draw=draw))


class GenerativeRecommender(Recommender):
    """A recommender that transports a prior state to the prediction in a number of steps."""

    step_method: ClassVar[str] = ""
    """The method, of tensors alone, in which every step of the sampler spends its time; an optimised execution of many
    steps compiles it instead of the whole loop. Empty: there is none."""
    priors: ClassVar[dict[str, dict[str, Any]]] = {}
    """Name of a prior other than plain noise -> the configuration that makes the model start from it. The figure of
    priors compares them with noise, on the same weights."""

    def sampler_steps(self) -> int:
        """Steps the sampler takes when the caller names none."""
        raise NotImplementedError

    def require_steps(self, steps: int) -> None:
        """Raise UsageError for a number of steps that the sampler cannot take; most can take any."""

    def trajectory(self, history: Tensor, *, x0: Tensor | None = None, steps: int | None = None, draw: Draw) -> Tensor:
        """(steps + 1, B, d): the states from the prior `x0` (drawn when None) to the prediction."""
        raise NotImplementedError

    def states(
        self, history: Tensor, *, x0: Tensor | None = None, steps: int | None = None, draw: Draw
    ) -> Iterator[Tensor]:
        """The states of `trajectory` one after the other, (B, d) each. What a request needs once is done before the
        first of them, so that it can be told from the steps."""
        return iter(self.trajectory(history, x0=x0, steps=steps, draw=draw))

    def user_vectors(self, history: Tensor, *, draw: Draw, steps: int | None = None) -> Tensor:
        """(B, L) -> (B, d): the last state, after the model's own number of steps or the one given."""
        for state in self.states(history, steps=steps, draw=draw):
            prediction = state
        return prediction

    def scores(self, history: Tensor, *, draw: Draw, steps: int | None = None) -> Tensor:
        return self.catalogue_scores(self.user_vectors(history, draw=draw, steps=steps))


def parameter_count(model: nn.Module) -> int:
    """Number of scalars in a model's parameters, trained or not."""
    return sum(parameter.numel() for parameter in model.parameters())
