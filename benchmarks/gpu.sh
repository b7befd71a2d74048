#!/usr/bin/env bash
# What ten minutes of a GPU go to, in one call, as another may not be had:
#   benchmarks/gpu.sh SECONDS OUT
# Trains FAVE on Beauty, whose 116 MB of weights are too large to be brought away half trained, and ranks its first stage
# as soon as that is done; its rivals on MovieLens-100k beside it, and the suite's CUDA tests while both compile. What is
# left goes to latency, with nothing beside it. Leaves OUT/log, and OUT/*.zip for `python -m fave_bench.merge`.
# OUT/compiled.tgz.*, laid into .compiled/, spares the next machine of this kind the compiling of training steps.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
source benchmarks/lent_machine.sh
begun=$(mktemp) new=$(mktemp -d)

slice() { # NAME SECONDS VERB OPTIONS: what the verb makes within so many seconds, packed into OUT/NAME.zip
    python3 -m "fave_bench.$3" "${@:4}" --seeds 0 --fast --time-budget "$2" --pack "$out/$1.zip" \
        --out /tmp/fave-bench-tables >/dev/null 2>"$out/$1.log"
    echo "$1 ended with $(left) s left"
}
measured() { # DATASET MODEL OPTIONS, within what is left
    (($(left) > 25)) && timeout $(($(left) - 10)) python3 -m fave_bench.measure --datasets "$1" --models "$2" \
        --settings released "${@:3}" >>"$out/measured.log" 2>&1
}

timeout 150 python3 -m pytest -q -n 3 -p no:cacheprovider -p no:benchmark tests/efficiency/test_on_cuda.py >"$out/tests.log" 2>&1 &
slice rivals $(($(left) - 130)) campaign --profile full --datasets ml-100k --models fmrec diffurec --pack-weights &
beside=$!
(sleep $(($(left) / 2)) && ! grep -q 'FAVE finetune' "$out/fave.log" && pkill -f '^python3 -m fave_bench.campaign') &
watching=$!
slice fave $(($(left) - 35)) ablate --datasets beauty --variants "w/o stage" --look-steps 1 --jobs 2
for what in steps trajectories priors; do
    measured beauty fave --what $what
done
wait $beside
kill $watching 2>/dev/null
for model in fave fmrec diffurec; do
    measured ml-100k $model --what latency --no-test-set
done

(cd results && find measured -newer "$begun" -type f -exec cp --parents -t "$new" {} +)
[[ -d $new/measured ]] && (cd "$new" && python3 -m zipfile -c "$out/measured.zip" measured)
cat "$out"/*.log >"$out/log" && rm "$out"/*.log
tar cz -C /tmp fave-bench-compiled | split -b 15M - "$out/compiled.tgz."
