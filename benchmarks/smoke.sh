#!/usr/bin/env bash
# What a GPU is to show first, within SECONDS (180 is enough):
#   benchmarks/smoke.sh SECONDS OUT
# Runs the suite's CUDA tests, times FAVE and its rivals and says where a training step's time goes. Leaves logs in OUT,
# OUT/measured.zip for `python -m fave_bench.merge`, and OUT/compiled.tgz.*: laid into .compiled/, they spare slice.sh the
# compiling of training steps on another machine of this kind.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
source benchmarks/lent_machine.sh

timeout $(($(left) / 2)) python3 -m pytest -q -n 4 -p no:cacheprovider -p no:benchmark tests/efficiency/test_on_cuda.py >"$out/tests.log" 2>&1
tail -n 5 "$out/tests.log"
timeout $(($(left) / 3)) python3 -m fave_bench.measure --what latency --models fave fmrec diffurec --datasets ml-100k \
    --no-test-set --results /tmp/fave-bench-measured >"$out/latency.log" 2>&1
tail -n 3 "$out/latency.log"
if [[ -d /tmp/fave-bench-measured ]]; then
    (cd /tmp/fave-bench-measured && python3 -m zipfile -c "$out/measured.zip" measured)
fi
timeout $(($(left) - 15)) python3 benchmarks/kernels.py fave/released/pretrain fave/released/finetune fmrec/released/train \
    diffurec/released/train fave/paper/pretrain fave/paper/finetune --compile --precision bf16 >"$out/kernels.log" 2>&1
grep ' a step' "$out/kernels.log"
tar cz -C /tmp fave-bench-compiled | split -b 15M - "$out/compiled.tgz."
