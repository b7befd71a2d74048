#!/usr/bin/env bash
# The first two minutes on a GPU, before anything is trained there:
#   benchmarks/smoke.sh SECONDS OUT
# Times the training steps of FAVE and its rivals on Beauty, plain and compiled, and runs the suite's CUDA tests. Leaves OUT/log,
# and OUT/compiled.tgz.*, which laid into .compiled/ spares the next machine of this kind the compiling.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
source benchmarks/lent_machine.sh
pretrain=fave/released/pretrain finetune=fave/released/finetune rivals="fmrec/released/train diffurec/released/train"

timed() { # NAME OPTIONS: steps of training, timed
    timeout $(($(left) - 8)) python3 benchmarks/kernels.py "${@:2}" --dataset beauty >"$out/$1.log" 2>&1
    echo "$1 ended with $(left) s left"
}

nvidia-smi
timed plain $pretrain $finetune $rivals &
plain=$!
for precision in fp32 bf16; do
    timed pretrain-$precision $pretrain --compile --precision $precision &
    timed finetune-$precision $finetune --compile --precision $precision &
    timed rivals-$precision $rivals --compile --precision $precision &
done
wait $plain
timeout $(($(left) - 8)) python3 -m pytest -q -n 3 -p no:cacheprovider -p no:benchmark tests/efficiency/test_on_cuda.py >"$out/tests.log" 2>&1
wait

tail -n +1 "$out"/*.log >"$out/log" && rm "$out"/*.log
grep -hE ' ms a step|passed|failed|Error' "$out/log"
tar cz -C /tmp fave-bench-compiled | split -b 15M - "$out/compiled.tgz."
