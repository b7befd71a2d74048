"""A model as it answers requests: from a history on the device to its best items, in a fixed number of steps."""

import torch
from torch import Tensor

from fave_bench.models.contract import GenerativeRecommender, Recommender
from fave_bench.randomness import Draw, UserDraw

BEST = 20
"""Items a request is answered with."""


class Serving(Recommender):
    """The eager execution. As a recommender itself, it can be ranked like the model it serves."""

    def __init__(self, model: Recommender, *, steps: int | None = None, seed: int = 0) -> None:
        """`steps` replaces the number that a generative model takes by itself; `seed` keys what it draws for users."""
        super().__init__(model.config, model.num_items)
        if steps is not None and not isinstance(model, GenerativeRecommender):
            raise TypeError(f"{type(model).__name__} has no sampler to take {steps} steps with")
        self.model, self.steps, self.seed = model, steps, seed
        self.eval()

    @property
    def padding_free(self) -> bool:
        return self.model.padding_free

    def scores(self, history: Tensor, *, draw: Draw) -> Tensor:
        if self.steps is None:
            return self.model.scores(history, draw=draw)
        assert isinstance(self.model, GenerativeRecommender)
        return self.model.scores(history, draw=draw, steps=self.steps)

    def prepare(self, history: Tensor, users: Tensor) -> None:
        """Do once what calls for batches of this size need; nothing here."""

    @torch.inference_mode()
    def best(self, history: Tensor, users: Tensor) -> Tensor:
        """(B, L) histories of `users` (B,) -> (B, 20) items by falling score, or all V where there are fewer.

        Items of the history may be among them: a service would ask for some more and drop those on the host.
        """
        return self.answer(history, users)

    def answer(self, history: Tensor, users: Tensor) -> Tensor:
        """`best`, for a caller that has switched gradients off."""
        scores = self.scores(history, draw=UserDraw(self.seed, users))
        return scores.topk(min(BEST, scores.shape[1])).indices
