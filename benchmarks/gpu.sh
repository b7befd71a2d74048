#!/usr/bin/env bash
# What ten minutes of a GPU go to, in one call, as another may not be had:
#   benchmarks/gpu.sh SECONDS OUT
# Trains FAVE on Beauty, whose 116 MB of weights are too large to be brought away half trained, and FMRec on MovieLens-100k
# beside it, with the suite's CUDA tests while both compile; then DiffuRec if time is left, and latency with nothing beside
# it. Leaves logs in OUT, and OUT/*.zip for `python -m fave_bench.merge`. OUT/compiled.tgz.*, laid into .compiled/, spares
# the next machine of this kind the compiling of training steps.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
source benchmarks/lent_machine.sh
begun=$(mktemp) new=$(mktemp -d)

slice() { # NAME SECONDS OPTIONS: a slice of the campaign, packed into OUT/NAME.zip
    bash benchmarks/slice.sh "$2" "/tmp/fave-bench-$1" --fast "${@:3}" >"$out/$1.log" 2>&1
    mv "/tmp/fave-bench-$1/slice.zip" "$out/$1.zip"
    echo "$1 ended with $(left) s left"
}
measured() { # DATASET MODEL OPTIONS, within what is left
    (($(left) > 25)) && timeout $(($(left) - 10)) python3 -m fave_bench.measure --datasets "$1" --models "$2" \
        --settings released "${@:3}" >>"$out/measured.log" 2>&1
}

timeout 150 python3 -m pytest -q -n 3 -p no:cacheprovider -p no:benchmark tests/efficiency/test_on_cuda.py >"$out/tests.log" 2>&1 &
slice fmrec $(($(left) - 15)) --datasets ml-100k --models fmrec --seeds 0 --pack-weights &
beside=$!
(sleep $(($(left) / 2)) && ! grep -q 'FAVE finetune' "$out/fave.log" && pkill -f '^python3 -m fave_bench.campaign.*fmrec') &
watching=$!
slice fave $(($(left) - 15)) --datasets beauty --models fave --seeds 0 --look-steps 1
measured beauty fave --what steps
measured beauty fave --what trajectories
wait $beside
kill $watching 2>/dev/null
if (($(left) > 230)); then
    slice diffurec $(($(left) - 100)) --datasets ml-100k --models diffurec --seeds 0 --pack-weights
fi
for model in fave fmrec diffurec; do
    measured ml-100k $model --what latency --no-test-set
done

(cd results && find measured -newer "$begun" -type f -exec cp --parents -t "$new" {} +)
[[ -d $new/measured ]] && (cd "$new" && python3 -m zipfile -c "$out/measured.zip" measured)
cat "$out"/*.log >"$out/log" && rm "$out"/*.log
tar cz -C /tmp fave-bench-compiled | split -b 15M - "$out/compiled.tgz."
