#!/usr/bin/env bash
# The first minutes on a GPU, before anything is trained there:
#   benchmarks/smoke.sh SECONDS OUT
# Times the training steps of FAVE and its rivals on Beauty in each precision, one after the other, and then runs the suite's
# CUDA tests. Leaves OUT/log.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
source benchmarks/lent_machine.sh

nvidia-smi
for precision in tf32 fp32 bf16; do
    timeout "$(left)" python3 benchmarks/kernels.py --dataset beauty --precision $precision fave/released/pretrain \
        fave/released/finetune fave/paper/pretrain fmrec/released/train diffurec/released/train >"$out/$precision.log" 2>&1
    echo "$precision ended with $(left) s left"
done
timeout "$(left)" python3 -m pytest -q -n 3 -p no:cacheprovider -p no:benchmark tests/efficiency/test_on_cuda.py >"$out/tests.log" 2>&1

tail -n +1 "$out"/*.log >"$out/log" && rm "$out"/*.log
grep -hE ' ms a step|passed|failed' "$out/log"
