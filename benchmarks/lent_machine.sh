# What gpu.sh, slice.sh and smoke.sh begin with: a machine that is lent for minutes, and may have no package index.
# Installs the wheels of .wheels/ where there are any, and reads data from .data/ unless FAVE_BENCH_DATA says where.
set -uo pipefail
export MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=8589934592 MALLOC_TOP_PAD_=268435456
export FAVE_BENCH_DATA=${FAVE_BENCH_DATA:-$PWD/.data} PYTHONUNBUFFERED=1 PYTHONPATH=$PWD

if (($# < 2)); then
    sed -n '2,/^[^#]/s/^# \?//p' "$0" >&2
    exit 2
fi
until=$((SECONDS + $1))
out=$(mkdir -p "$2" && cd "$2" && pwd) || exit 1
shift 2
left() { echo $((until - SECONDS > 1 ? until - SECONDS : 1)); }

if compgen -G '.wheels/*.whl' >/dev/null; then
    site=$(mktemp -d)
    python3 -m pip install -q --no-index --no-deps --no-compile --target "$site" .wheels/*.whl || exit 1
    export PYTHONPATH=$site:$PYTHONPATH
fi
