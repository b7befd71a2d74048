"""The optimised execution: what `Serving` answers, as fast as this package can.

On a CPU, calls for a few users are bound by the many small operations of a request, so these are compiled, with the
weights as constants: the whole request, or for a sampler of many steps the method that every step calls. Whichever of
the compiled and the eager request is faster is kept. Large batches are bound by matrix products, which compiling does
not make faster (measured on FAVE, ml-100k, one thread: 512 users in 656 ms eager, 593 to 857 ms compiled; one user in
2.7 ms and 1.5 ms), so they stay eager. Either way no work is done on padding where the model allows it: a CPU reads the
batch's longest history for nothing.

On a CUDA device the request is compiled where that works, and then recorded as one CUDA graph: a call is two copies
into the graph's inputs and one launch. Users' noise is read from its bank by their number inside the graph, so a replay
draws what an eager call draws. Nothing in the graph waits for the host, so padding is not looked for.

What cannot be compiled or recorded, because its shapes depend on data or a compiler is missing, is said in one sentence
and runs eagerly.
"""

import copy
from collections.abc import Callable

import torch
from torch import Tensor

from fave_bench.cli import say
from fave_bench.data.windows import valid
from fave_bench.efficiency.compiled import Compiled
from fave_bench.efficiency.environment import compiler_missing
from fave_bench.efficiency.serving import Serving
from fave_bench.efficiency.timing import once
from fave_bench.models.contract import GenerativeRecommender, Recommender

FEW_USERS = 4
"""Largest batch compiled on a CPU."""
FEW_STEPS = 2
"""Longest sampler compiled as a whole; compiling takes as long as there are steps."""
SHORTEST = 8
"""Windows of compiled requests without padding are 8, 16, 32, ... slots, so that few have to be compiled."""
TRIALS = 20
"""Calls by which a CPU's compiled request is compared with the eager one; recurrent layers are faster eagerly."""
Answer = Callable[[Tensor, Tensor], Tensor]


class Optimised(Serving):
    """Compiled, recorded, without padding: see the module. The first call for a batch's shape does what it takes."""

    def __init__(self, model: Recommender, *, steps: int | None = None, seed: int = 0) -> None:
        super().__init__(model, steps=steps, seed=seed)
        self._prepared: dict[torch.Size, Answer] = {}

    @torch.inference_mode()
    def prepare(self, history: Tensor, users: Tensor) -> None:
        """Compile and record all that batches of this size may need, so that no call has to."""
        for length in self._lengths(history):
            self._answer_for(history[:, -length:], users)

    @torch.inference_mode()
    def best(self, history: Tensor, users: Tensor) -> Tensor:
        """As `Serving.best`."""
        history = history[:, -self._length(history) :]
        return self._answer_for(history, users)(history, users)

    def _lengths(self, history: Tensor) -> list[int]:
        """The windows that batches of this size are cut to, if they are the same few each time."""
        window = history.shape[1]
        if not (self._cuts(history) and self._few(history)):
            return [window]
        doubled = (SHORTEST << i for i in range(window.bit_length()))
        return [*(length for length in doubled if length < window), window]

    def _length(self, history: Tensor) -> int:
        """The window that this batch is cut to: its longest history, or the next longer one compiled for."""
        if not self._cuts(history):
            return history.shape[1]
        padding = int(valid(history).any(0).int().argmax())  # columns before the first item
        longest = history.shape[1] - padding
        return min(length for length in self._lengths(history) if length >= longest) if self._few(history) else longest

    def _cuts(self, history: Tensor) -> bool:
        return self.padding_free and history.device.type == "cpu"

    def _few(self, history: Tensor) -> bool:
        return len(history) <= FEW_USERS

    def _answer_for(self, history: Tensor, users: Tensor) -> Answer:
        if history.device.type == "cpu" and not self._few(history):
            return self.answer
        if history.shape not in self._prepared:
            self.answer(history, users)  # fills what is kept between calls, which must not happen while compiling
            self._prepared[history.shape] = self._prepare(history, users)
        return self._prepared[history.shape]

    def _prepare(self, history: Tensor, users: Tensor) -> Answer:
        answer = self._or_eager("compiled", self.answer, lambda: self._compiled(history, users))
        if history.device.type == "cuda":
            return self._or_eager("recorded", answer, lambda: recorded(answer, history, users))
        return min((answer, self.answer), key=lambda each: _shortest(each, history, users))

    def _or_eager(self, done: str, otherwise: Answer, attempt: Callable[[], Answer]) -> Answer:
        try:
            return attempt()
        except torch.OutOfMemoryError:
            raise
        except Exception as error:
            reason = str(error).strip().split("\n")[0] or type(error).__name__
            say(f"{self.model.title or type(self.model).__name__} could not be {done} for {self.steps} steps: {reason}")
            return otherwise

    def _compiled(self, history: Tensor, users: Tensor) -> Answer:
        if history.device.type == "cpu" and compiler_missing():
            raise RuntimeError("this machine has no C++ compiler")
        model = self.model
        if not isinstance(model, GenerativeRecommender) or (self.steps or model.sampler_steps()) <= FEW_STEPS:
            answer: Answer = Compiled(model, self.answer)
        elif model.step_method:
            fast = copy.copy(model)  # the same parameters; only the method is another
            setattr(fast, model.step_method, Compiled(model, getattr(model, model.step_method)))
            answer = Serving(fast, steps=self.steps, seed=self.seed).answer
        else:
            return self.answer
        answer(history, users)
        return answer


def _shortest(answer: Answer, history: Tensor, users: Tensor) -> float:
    """Milliseconds of the fastest of some calls: what compiling gains and loses is far more than this varies."""
    return min(once(lambda asked: answer(*asked), (history, users), history.device)[0] for _ in range(TRIALS))


def recorded(answer: Answer, history: Tensor, users: Tensor) -> Answer:
    """`answer` as a CUDA graph for inputs of these shapes, after calls on a stream of its own that settle every choice.

    Raises RuntimeError where something in it waits for the device.
    """
    inputs = history.clone(), users.clone()
    aside = torch.cuda.Stream(history.device)
    aside.wait_stream(torch.cuda.current_stream(history.device))
    with torch.cuda.stream(aside):
        for _ in range(3):
            answer(*inputs)
    torch.cuda.current_stream(history.device).wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = answer(*inputs)

    def replay(history: Tensor, users: Tensor) -> Tensor:
        inputs[0].copy_(history)
        inputs[1].copy_(users)
        graph.replay()
        return result.clone()  # the next replay overwrites it

    return replay
