#!/usr/bin/env bash
# Trains the teacher and its students, and proves their exports on the test lines: recipes/family, for a machine with a GPU.
#
# usage: scripts/train_family.sh [OUT]        default: runs/family
#   STEPS=0.5   a part of the recipes' steps, for less time
#   TOY=1       every stage in minutes on a CPU, to see that all of it runs; what comes out reads nothing
#   PYTHON=...  interpreter that inkport is installed in; default: .venv/bin/python
#
# What is there is taken up again: a training goes on from its checkpoint, a finished one is over at once. The exit code is that of the
# last proof that did not hold, 0 if all did.
set -euo pipefail

cd "$(dirname "$0")/.."
out=${1:-runs/family}
share=${STEPS:-1}
python=${PYTHON:-.venv/bin/python}
failed=0
test_lines=(data/lines/test-*.parquet)
settings=()
latency=200
if [ -n "${TOY:-}" ]; then
    test_lines=(data/lines/val-20-mss19.parquet)
    settings=(--set optim.batch=4 --set 'data.val=["../../data/lines/val-20-mss19.parquet"]')
    latency=4
fi

steps() {
    [ -n "${TOY:-}" ] && echo 3 && return
    "$python" -c 'import sys, tomllib; print(max(1, round(float(sys.argv[2]) * tomllib.load(open(sys.argv[1], "rb"))["optim"]["steps"])))' \
        "recipes/family/$1.toml" "$share"
}

for model in convtext-base convtext-small convtext-tiny; do
    teacher=()
    if [ "$model" != convtext-base ]; then
        teacher=(--set "distil.teacher=\"$(realpath "$out/convtext-base/best.safetensors")\"")
    fi
    "$python" -m inkport train run "recipes/family/$model.toml" --out "$out/$model" --set "optim.steps=$(steps "$model")" \
        "${settings[@]}" "${teacher[@]}"
    # A port that differs is a finding, not a reason to leave the others untrained.
    "$python" -m inkport verify "$out/$model/best.safetensors" --targets recipes/family/targets.toml --out "$out/verify-$model" \
        --lines "${test_lines[@]}" --calibration data/lines/train-*.parquet --latency-lines "$latency" || failed=$?
done
exit "$failed"
