#!/usr/bin/env bash
# Installs the wheel in dist with ONNX Runtime alone, without torch, into an environment of its own, and reads, proves, times and packs a kit
# from an empty folder, as a stranger would. `make dist` first.
#
# usage: scripts/try_wheel.sh [PYTHON...]      default: those of python3.11, python3.12 and python3.13 that start here
set -euo pipefail

cd "$(dirname "$0")/.."
wheel=$(realpath dist/inkport-*.whl)
line=$(realpath benchmarks/samples/rendered-en-000000.png)
text="life of thought and intellectual energy to science,"
[ $# -gt 0 ] || set -- python3.11 python3.12 python3.13
unset PYTHONPATH
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
tried=0
for python in "$@"; do
    "$python" -c 'import venv' 2>/dev/null || { echo "$python: not here, not tried"; continue; }
    rm -rf "${folder:?}"/*
    "$python" -m venv "$folder/venv"
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check "$wheel[ort]"
    mkdir "$folder/empty"
    (
        cd "$folder/empty"
        inkport() { ../venv/bin/inkport "$@"; }
        [ "$(inkport read "$line")" = "$text" ] || { echo "$python: read another text" >&2; exit 1; }
        inkport verify --out verify >verify.txt
        grep -q '^onnxruntime fp32 *reference ' verify.txt || { echo "$python: no reference" >&2; exit 1; }
        inkport bench --target onnxruntime:int8 --most-seconds 3 --out bench >bench.txt
        inkport kit make --target onnxruntime:int8 --out kit.zip >kit.txt
        inkport kit run kit.zip --out result.zip >>kit.txt
        inkport kit check kit.zip result.zip >>kit.txt
    )
    echo "$python: $("$folder/venv/bin/python" --version), $(du -sm "$folder/venv" | cut -f1) MB: read, verify, bench and kit work"
    tried=$((tried + 1))
done
[ "$tried" -gt 0 ] || { echo "no Python was here to try the wheel with" >&2; exit 3; }
