"""What switches that only matter at inference are worth: a recorded run's weights, ranked with them turned.

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
    parser.add_argument(
        "--switch", nargs="+", required=True, metavar="NAME=VALUE", help="of the model, turned together"
    )
    parser.add_argument("--results", type=Path, default=Path("results"), help="where records live (default results)")
    asked = parser.parse_args()
    store, turned = Store(asked.results), dict(switch.partition("=")[::2] for switch in asked.switch)
    record = store.find(asked.run)
    sequences = data.load(record.dataset.name)
    model = restore(store, record, sequences, torch.device("cpu"))
    own = model.config.model_dump()
    if unknown := turned.keys() - own.keys():
        parser.error(f"--switch {min(unknown)}: {record.title} has none of that name")
    for setting in (own, own | turned):
        model.config = type(model.config).model_validate(setting)
        for protocol, found in metrics_of(ranked(model, record, sequences)).items():
            words = ", ".join(f"{metric} {100 * found[metric]:.2f}" for metric in ("H@10", "H@20", "N@10", "N@20"))
            print(f"{' '.join(f'{name}={setting[name]}' for name in turned)}, {protocol}: {words}", flush=True)


if __name__ == "__main__":
    main()
