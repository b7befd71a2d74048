#!/usr/bin/env bash
# What ten minutes of a GPU go to, in one call, as another may not be had:
#   benchmarks/gpu.sh SECONDS OUT [options of ablate, such as --seeds 1]
# Trains FAVE on Beauty, whose 116 MB of weights are too large to be brought away half trained: stage 1 once, then what Table 2
# leaves out of stage 2, and what needs the weights; then the quirks of the public code that stage 2 alone has. The suite's
# CUDA tests run beside the beginning, which is given up where recorded steps prove wrong, and what is left goes to latency.
# Leaves OUT/log, and OUT/*.zip for `python -m fave_bench.merge`.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
source benchmarks/lent_machine.sh
begun=$(mktemp) new=$(mktemp -d) latency=45

slice() { # NAME OPTIONS: runs of FAVE on Beauty, within what is left, packed into OUT/NAME.zip
    python3 -m fave_bench.ablate --datasets beauty --precision tf32 --look-steps 1 --jobs 2 "${@:2}" \
        --time-budget $(($(left) - latency)) --pack "$out/$1.zip" --out /tmp/fave-bench-tables >/dev/null 2>"$out/$1.log"
    echo "$1 ended with $(left) s left"
}
measured() { # DATASET MODEL OPTIONS, within what is left
    (($(left) > 25)) && timeout $(($(left) - 10)) python3 -m fave_bench.measure --datasets "$1" --models "$2" \
        --settings released "${@:3}" >>"$out/measured.log" 2>&1
    echo "$* ended with $(left) s left"
}

tested() { # NAME OPTIONS: the suite's CUDA tests
    timeout $(($(left) < 200 ? $(left) : 200)) python3 -m pytest -q -p no:cacheprovider -p no:benchmark \
        tests/efficiency/test_on_cuda.py "${@:2}" >"$out/$1.log" 2>&1
}
told() { tail -n +1 "$out"/*.log >"$out/log" && rm "$out"/*.log; }

slice table2 "$@" &
training=$!
if ! tested recorded -n 0 -k recorded_steps; then
    pkill -f '^python3 -m fave_bench.ablate' && wait $training
    echo "recorded steps are not those of the trainer, so nothing is trained with them; OUT/log says more" >&2
    told
    exit 1
fi
tested tests -n 3 &
wait $training
for what in steps trajectories priors; do
    (($(left) > latency)) && measured beauty fave --what $what
done
(($(left) > latency)) && slice fidelity "$@" --family fidelity --variants "A3 an item anchors" "A2 f is the endpoint" \
    "A2 x0 is added" "A8 cross-entropy on f" "A7 the model's tangent" "stage 2 moves nothing" "A5 30 steps at the end"
wait
for model in fave fmrec diffurec; do
    measured ml-100k $model --what latency --no-test-set
done

(cd results && find measured -newer "$begun" -type f -exec cp --parents -t "$new" {} +)
[[ -d $new/measured ]] && (cd "$new" && python3 -m zipfile -c "$out/measured.zip" measured)
told
