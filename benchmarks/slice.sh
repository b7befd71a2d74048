#!/usr/bin/env bash
# One slice of a campaign on a machine that is lent for minutes and may have no package index:
#   benchmarks/slice.sh SECONDS OUT [options of run_all.sh]
# Installs the wheels in .wheels/ where there are any, runs the suite's CUDA tests and a latency measurement, spends the
# rest of SECONDS on the campaign, and leaves OUT/measured.zip and OUT/slice.zip for `python -m fave_bench.merge`. What is
# known to be too long for the slice is left for another. Data are read from .data/ unless FAVE_BENCH_DATA says where.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=8589934592 MALLOC_TOP_PAD_=268435456
export FAVE_BENCH_DATA=${FAVE_BENCH_DATA:-$PWD/.data} PYTHONUNBUFFERED=1

if (($# < 2)); then
    sed -n '2,6s/^# \?//p' "$0" >&2
    exit 2
fi
until=$((SECONDS + $1))
out=$2
shift 2
mkdir -p "$out"

if compgen -G '.wheels/*.whl' >/dev/null; then
    site=$(mktemp -d)
    python3 -m pip install -q --no-index --no-deps --no-compile --target "$site" .wheels/*.whl || exit 1
    export PYTHONPATH=$site
fi

# A failure here is worth knowing, and no reason to waste the machine: the log says it.
timeout $(((until - SECONDS) / 4)) python3 -m pytest -q -x -p no:cacheprovider tests/efficiency/test_on_cuda.py >"$out/tests.log" 2>&1
tail -n 3 "$out/tests.log"
timeout $(((until - SECONDS) / 6)) python3 -m fave_bench.measure --what latency --models fave fmrec diffurec \
    --datasets ml-100k --no-test-set --results "$out/results" >"$out/latency.log" 2>&1
tail -n 3 "$out/latency.log"
[[ -d $out/results ]] && (cd "$out/results" && python3 -m zipfile -c ../measured.zip measured) && rm -r "$out/results"

python3 -m fave_bench.campaign --profile full --time-budget $((until - SECONDS - 20)) --pack "$out/slice.zip" "$@" \
    --out "$out/tables" 2>&1 >/dev/null | tee "$out/campaign.log"
rm -rf "$out/tables" # to be rendered again from what is merged
