"""The schema of run.json: every key, its unit and its meaning.

Seconds are wall-clock, metrics are fractions in [0, 1], and nothing is rounded.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, JsonValue, StringConstraints

from fave_bench.records.key import key_of

SCHEMA = 1
"""Raised when a key of run.json changes its meaning, or a new key cannot be left out."""

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=100)]
"""Fit to be one folder's or file's name on any system: no separator, no leading dot."""
Key = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Metrics = dict[str, FiniteFloat]
"""Metric (`H@10`, `N@20`, `MRR`, …) -> fraction."""
Nested = dict[str, dict[str, Metrics]]
"""Protocol -> `validation` or `test` -> metric -> fraction."""
LEAVE_ONE_OUT = "leave-one-out"
"""The split that the papers' numbers were made with."""
StoppedBecause = Literal["converged", "epochs", "limit", "budget", "closed-form", "external"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, protected_namespaces=())


class Dataset(_Frozen):
    """What was learned from and ranked."""

    name: Name
    """Catalogue name, or the user's own; also a folder of the store."""
    source: str
    """Where the sequences were read from, in words (file name and format)."""
    fingerprint: Digest
    """SHA-256 of the sequences, equal for every route to the same data."""
    users: int = Field(ge=1)
    """Users in the sequences, whether or not a split asks about them."""
    items: int = Field(ge=1)
    """Distinct items; ids run 1..items."""
    actions: int = Field(ge=1)
    """Interactions in all, over every split."""
    split: str
    """`leave-one-out` or `temporal`."""
    synthetic: bool = False
    """Made by a generator here, and marked so in every rendering."""
    oracle: Metrics = {}
    """Best test metrics any model can expect, where the generator knows them."""
    other_data: bool = False
    """Far from what papers print numbers for under this name, so that nothing printed is compared with it."""

    @property
    def as_printed(self) -> bool:
        """Whether papers may print numbers for these data, split in this way."""
        return self.split == LEAVE_ONE_OUT and not self.other_data


class Look(_Frozen):
    """One look at validation during training."""

    stage: str
    """Name of the training stage."""
    epoch: int = Field(ge=0)
    """Passes over the samples completed in this stage."""
    seconds: FiniteFloat = Field(ge=0)
    """Spent on training steps so far, as in the summary."""
    losses: dict[str, FiniteFloat] = {}
    """Mean of each loss term over the last pass, already weighted."""
    validation: dict[str, Metrics] = {}
    """Protocol -> metric -> fraction."""


class TrainingSummary(_Frozen):
    """How the weights came about."""

    epochs: FiniteFloat = Field(ge=0)
    """Passes over the samples, all stages together; a fraction where a budget ended one."""
    best_epoch: int = Field(ge=0)
    """Epoch of the weights kept, within the last stage."""
    stopped_because: StoppedBecause
    """`converged`: validation stopped improving. `epochs`: the last pass that the preset or a study gives it came
    first. `limit`: fewer passes were asked for, and they did. `budget`: the clock did. After these two the numbers are
    no verdict on the model. `closed-form`: nothing to train. `external`: another program trained it."""
    seconds: FiniteFloat = Field(ge=0)
    """Spent on training steps. Looks at validation are not counted, nor time in which the process was stopped (Ctrl-Z),
    which records made before 2026-11-28 may count, nor checkpoints, which those before 2026-11-29 may."""
    samples_per_second: FiniteFloat | None = Field(None, ge=0)
    """Training samples over `seconds`; null where nothing was trained."""
    curve: list[Look] = []
    """Every look at validation, in order."""


class Inference(_Frozen):
    """What one evaluation took."""

    steps: int | None = Field(None, ge=1)
    """Steps of the sampler; null for a model without one."""
    draw_seed: int | None = None
    """Seed of the noise drawn at inference: the run's own."""
    validation_seconds: FiniteFloat | None = Field(None, ge=0)
    """Scoring and exact ranks of all validation users."""
    test_seconds: FiniteFloat | None = Field(None, ge=0)
    """Scoring and exact ranks of all test users."""


class ListDistance(_Frozen):
    """Intra-list distance (ILD): mean of 1 - cosine over the pairs of a list, then over the lists; in [0, 2]."""

    at_10: FiniteFloat = Field(ge=0, le=2)
    """Of the lists' first 10 items."""
    at_20: FiniteFloat = Field(ge=0, le=2)
    """Of the whole lists."""
    standard_error: FiniteFloat = Field(ge=0)
    """Sampling error of `at_20`: what another draw of users would change."""


class Diversity(_Frozen):
    """Of the test users' lists: the 20 best candidates of protocol `filtered`, fewer where candidates run out."""

    lists: int = Field(ge=1)
    """How many; one a test user."""
    ild_own: ListDistance | None = None
    """In the space of the model's item vectors; null for a model without them. Not comparable between models."""
    ild_genres: ListDistance | None = None
    """In the space of the publisher's genres; null for a dataset without them."""
    ild_co_occurrence: ListDistance | None = None
    """In the space of the items' co-occurrence in training (see fave_bench/evaluation/item_spaces.py). Like the others,
    null where no list holds two items."""
    coverage: FiniteFloat = Field(ge=0, le=1)
    """Share of the dataset's items that some list holds."""
    gini: FiniteFloat = Field(ge=0, le=1)
    """Gini coefficient of how often each item is shown: 0 all alike, towards 1 few items get everything."""
    popularity: FiniteFloat = Field(ge=0)
    """Training interactions of an item, mean over all places of all lists."""
    overlap: FiniteFloat = Field(ge=0, le=1)
    """Share of a list that another user's list holds too, mean over all pairs of users."""


class Record(_Frozen):
    """run.json: everything a table, a figure or a test may say about one run."""

    model_config = ConfigDict(populate_by_name=True)

    version: int = Field(SCHEMA, alias="schema")
    """Version of this schema."""
    key: Key
    """`key_of` this record's inputs; also its folder's name."""
    dataset: Dataset
    """What was learned from and ranked."""
    model: Name
    """The model's name in the registry, or made of the title for what is external; also a folder of the store."""
    title: str
    """How tables print the model, and the key into the papers' printed numbers."""
    setting: str
    """`released`, `paper`, …; `external` for scores or weights of another program."""
    variant: str = ""
    """What differs from the preset, in a word or two; empty for the preset itself."""
    changes: dict[str, JsonValue] = {}
    """Dotted key of `config` -> its value, for what was set over the preset; these name the variant."""
    config: dict[str, JsonValue]
    """The full effective configuration: {"model": …, "training": …}, defaults included. For external scores
    {"scores": how they were read, "files": phase -> SHA-256}."""
    model_version: int
    """Raised in the model's file whenever its mathematics change."""
    protocols: dict[str, int]
    """Protocol -> version of what it means."""
    seed: int
    """Training seed: weights, order, noise and dropout."""
    metrics: Nested
    """Protocol -> `validation` or `test` -> metric -> fraction, as the ranks give it; what they do not decide is
    absent, as it may be for external lists."""
    standard_errors: Nested
    """Sampling error of each metric: what another draw of users would change."""
    parameters: int = Field(ge=0)
    """Scalars in the model's parameters, trained or not; 0 for external scores."""
    training: TrainingSummary
    """How the weights came about."""
    inference: Inference | None = None
    """What evaluation took; null where nobody timed it."""
    environment: dict[str, str | int | float | bool | None] = {}
    """Device, versions, threads, precision flags, platform, git commit (see fave_bench/efficiency/environment.py); how
    many processes trained the run, and how many runs shared the device (`jobs`)."""
    notes: list[str] = []
    """Sentences a reader of the numbers should know."""
    diversity: Diversity | None = None
    """Computed from the top-20 lists at run time, since the lists stay local; null in records older than that."""
    files: dict[Name, Digest] = {}
    """Sibling file -> SHA-256 of its bytes, filled in by the store."""

    @property
    def external(self) -> bool:
        """Ranked from scores or weights of another program: there is no model here to ask or to train again."""
        return self.training.stopped_because == "external"

    @property
    def truncated(self) -> bool:
        """Stopped by a budget of time or of passes: never averaged with full runs, never given a verdict."""
        return self.training.stopped_because in ("budget", "limit")

    @property
    def still_rising(self) -> bool:
        """The last pass came while the last look at validation was the best one."""
        training = self.training
        stopped = training.stopped_because in ("epochs", "limit") and training.curve
        return bool(stopped) and training.curve[-1].epoch == training.best_epoch

    @property
    def effective_config(self) -> dict[str, JsonValue]:
        """`config` without a budget that was not used up, which has changed nothing."""
        training = self.config.get("training")
        if isinstance(training, dict) and "time_budget" in training and self.training.stopped_because != "budget":
            return self.config | {"training": training | {"time_budget": None}}
        return self.config

    @property
    def configuration(self) -> str:
        """A key that all seeds of one configuration share: records that differ in it are never averaged.

        Each seed of an external model has files of its own.
        """
        same = {key: value for key, value in self.effective_config.items() if key != "files"}
        return self.model_copy(update={"seed": 0, "config": same}).expected_key()

    def expected_key(self) -> str:
        """The key this record's own contents call for."""
        return key_of(
            config=self.config, fingerprint=self.dataset.fingerprint, protocol_versions=self.protocols, seed=self.seed,
            model=self.model, setting=self.setting, variant=self.variant, model_version=self.model_version,
            split=self.dataset.split,
        )  # fmt: skip
