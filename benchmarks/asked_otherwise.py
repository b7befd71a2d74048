"""What a switch that only matters at inference is worth: a recorded run's weights, ranked with it turned.

The run's weights must be on this machine, so run it first, or again (`python -m fave_bench.run --repeat KEY`):
    python -m fave_bench.run --dataset beauty --model bert4rec --setting released
    python benchmarks/asked_otherwise.py --run KEY --switch drop_first=never
"""

import argparse
from pathlib import Path

import torch

from fave_bench import data
from fave_bench.efficiency.steps import ranked
from fave_bench.evaluation.metrics import metrics_of
from fave_bench.records import Store
from fave_bench.restore import restore


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", required=True, help="key of a recorded run with its weights on this machine")
    parser.add_argument("--switch", required=True, metavar="NAME=VALUE", help="the model's switch to turn")
    parser.add_argument("--results", type=Path, default=Path("results"), help="where records live (default results)")
    asked = parser.parse_args()
    store, (name, _, value) = Store(asked.results), asked.switch.partition("=")
    record = store.find(asked.run)
    sequences = data.load(record.dataset.name)
    model = restore(store, record, sequences, torch.device("cpu"))
    own = model.config.model_dump()
    if name not in own:
        parser.error(f"--switch {name}: {record.title} has none of that name")
    for setting in (own, own | {name: value}):
        model.config = type(model.config).model_validate(setting)
        for protocol, found in metrics_of(ranked(model, record, sequences)).items():
            words = ", ".join(f"{metric} {100 * found[metric]:.2f}" for metric in ("H@10", "H@20", "N@10", "N@20"))
            print(f"{name}={setting[name]}, {protocol}: {words}", flush=True)


if __name__ == "__main__":
    main()
