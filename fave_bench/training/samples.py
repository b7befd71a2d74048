"""Training samples as index arithmetic over flat arrays on the device: no loader, no per-sample Python."""

import torch
from torch import Tensor

from fave_bench.data.sequences import Sequences
from fave_bench.data.splits import Split
from fave_bench.data.windows import windows
from fave_bench.errors import BenchError
from fave_bench.models.contract import Batch
from fave_bench.randomness import StepDraw, seed_of
from fave_bench.shares import Share


class Samples:
    """All training samples of one kind, ready to be cut into batches.

    `prefix`: every training position but a user's first is a target, its history what came before it.
    `sequence`: one window a user; each slot's target is the next training item.
    `windows`: a user's training items cut from the newest backwards, the last cut moved up to be a full window too.
    """

    def __init__(
        self, sequences: Sequences, split: Split, kind: str, window: int, device: torch.device, *, sort: bool = False
    ) -> None:
        """`sort`: lay out a batch's samples from the longest history to the shortest, for models without padding."""
        self.kind, self.window, self.device, self.sort = kind, window, device, sort
        self.items = torch.as_tensor(sequences.items, dtype=torch.int64, device=device)
        start, stop = torch.as_tensor(split.train_start), torch.as_tensor(split.train_stop)
        targets = (stop - start - 1).clamp_min(0)
        if kind == "prefix":
            user = torch.repeat_interleave(torch.arange(len(start)), targets)
            first = torch.repeat_interleave(targets.cumsum(0) - targets, targets)
            stop = start[user] + 1 + torch.arange(len(user)) - first
        elif kind == "sequence":
            user = torch.nonzero(targets).squeeze(1)
            stop = stop[user] - 1
        else:
            cuts = (stop - start + window - 1) // window
            user = torch.repeat_interleave(torch.arange(len(start)), cuts)
            earlier = torch.arange(len(user)) - torch.repeat_interleave(cuts.cumsum(0) - cuts, cuts)
            oldest = torch.minimum(start + window, stop)[user]
            stop = torch.maximum(stop[user] - earlier * window, oldest)
        if not len(user):
            raise BenchError(f"{sequences.name}: no user has two training items, so there is nothing to learn from")
        self.start, self.stop, self.user = start[user].to(device), stop.to(device), user.to(device)
        self.lengths = (stop - start[user]).clamp_max(window)  # on the host, so that nothing waits for the device

    def __len__(self) -> int:
        return len(self.user)

    def order(self, seed: int, stage: str, epoch: int) -> Tensor:
        """(S,) the epoch's permutation, on the host: a function of (seed, stage, epoch), the same on every device."""
        generator = torch.Generator().manual_seed(seed_of(seed, stage, epoch, "order"))
        return torch.randperm(len(self), generator=generator)

    def batch(self, rows: Tensor, seed: int, share: Share | None = None) -> Batch:
        """The samples of `rows` (host indices), or a share of them; `seed` decides all randomness of this step."""
        lengths = self.lengths[rows]
        if self.sort:
            lengths, order = lengths.sort(descending=True, stable=True)
            rows = rows[order]
        on_device = rows.to(self.device, non_blocking=True)
        start, stop, user = self.start[on_device], self.stop[on_device], self.user[on_device]
        history = everyone = windows(self.items, start, stop, self.window)
        draw, own = StepDraw(seed, self.device), lengths
        if share:
            start, stop, user, history, own = (x[share.mine] for x in (start, stop, user, history, lengths))
        if self.kind == "prefix":
            return Batch(user, history, self.items[stop], draw, None, lengths, share, everyone)
        target = windows(self.items, start + 1, stop + 1, self.window) if self.kind == "sequence" else history
        slots = torch.nonzero_static(target.flatten(), size=int(own.sum())).squeeze(1)
        return Batch(user, history, target, draw, slots, lengths, share, everyone)
