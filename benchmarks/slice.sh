#!/usr/bin/env bash
# One slice of a campaign on a lent machine:
#   benchmarks/slice.sh SECONDS OUT [options of run_all.sh]
# Spends SECONDS on what --plan lists next, and leaves OUT/slice.zip for `python -m fave_bench.merge`. On a GPU steps are in
# tf32 with --precision tf32, and --jobs 2 fills the time in which one run looks at validation.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
source benchmarks/lent_machine.sh

python3 -m fave_bench.campaign --profile full --time-budget $(($(left) - 20)) --pack "$out/slice.zip" "$@" \
    --out /tmp/fave-bench-tables 2>&1 >/dev/null | tee "$out/campaign.log"
