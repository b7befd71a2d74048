#!/usr/bin/env bash
# Sets up everything this project needs, then runs a profile (default: quick) or, with `test`, the test suite.
#   ./run_all.sh [--profile demo|quick|full] [--datasets …] [--models …] [--seeds …] [--device …] [--plan]
#   ./run_all.sh test [pytest options]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# glibc hands large blocks back to the kernel and faults them in again at every step; keeping them is worth
# up to a third of a training step on a CPU.
export MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=8589934592 MALLOC_TOP_PAD_=268435456

fail() { printf 'run_all.sh: %s\n' "$1" >&2; exit 1; }

find_python() {
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11 python; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    fail 'Python 3.11 or newer is needed and none was found on the PATH.'
}

use_environment() {
    [[ -n ${VIRTUAL_ENV:-} ]] && return
    if [[ ! -x .venv/bin/python ]]; then
        local python
        python=$(find_python) || exit 1
        "$python" -m venv .venv || fail 'could not make .venv (on Debian: install python3-venv, remove .venv, run this again).'
    fi
    # An attempt that was interrupted leaves a Python without pip.
    .venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip >/dev/null ||
        fail '.venv has no pip; remove .venv and run this again.'
    export VIRTUAL_ENV=$PWD/.venv PATH=$PWD/.venv/bin:$PATH
}

install_pins() {
    local pins log=$VIRTUAL_ENV/fave-bench-install.log stamp=$VIRTUAL_ENV/fave-bench-pins
    pins=$(cat pyproject.toml constraints.txt | python -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())')
    [[ $(cat "$stamp" 2>/dev/null) == "$pins" ]] && return
    echo "Installing the pinned packages into $VIRTUAL_ENV (once; several minutes on a slow line) …" >&2
    python -m pip install --disable-pip-version-check --progress-bar off -c constraints.txt -e '.[test]' 2>&1 | tee "$log" |
        awk '/^ *(Collecting|Building wheel)/ { printf "  %s\n", $0; fflush() } /^Installing collected/ { print "  installing …"; fflush() }' >&2 ||
        { tail -n 5 "$log" >&2; fail "the installation failed; the full log is $log"; }
    echo "$pins" >"$stamp"
}

use_environment
install_pins
if [[ ${1:-} == test ]]; then
    shift
    # One thread per worker: two workers with two threads each would fight over the same cores.
    OMP_NUM_THREADS=1 exec python -m pytest -n auto --dist worksteal "$@"
fi
exec python -m fave_bench.campaign "$@"
