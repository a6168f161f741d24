#!/usr/bin/env bash
# Installs the wheel in dist with ONNX Runtime alone, without torch, into an environment of its own, and reads, proves, times, packs a kit
# and writes bundles from an empty folder, as a stranger would; what needs more packages must say which. `make dist` first.
#
# usage: scripts/try_wheel.sh [PYTHON...]      default: those of python3.11, python3.12 and python3.13 that start here
set -euo pipefail

cd "$(dirname "$0")/.."
wheel=$(realpath dist/inkport-*.whl)
line=$(realpath benchmarks/samples/rendered-en-000000.png)
three_lines="import inkport, sys
with inkport.load() as recogniser:
    print(recogniser.read(sys.argv[1]).text)"
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
        # The lines of a wheel are enough to decide: an open verdict is as bad as a failed one.
        grep -q '^onnxruntime int8 *pass ' verify.txt || { echo "$python: int8 is not proven" >&2; exit 1; }
        inkport bench --target onnxruntime:int8 --most-seconds 3 --out bench >bench.txt
        inkport kit make --target onnxruntime:int8 --out kit.zip >kit.txt
        inkport kit run kit.zip --out result.zip >>kit.txt
        inkport kit check kit.zip result.zip >>kit.txt
        for platform in cpp web python; do inkport bundle --for "$platform" --out "bundle-$platform" >/dev/null; done
        [ "$(PYTHONWARNINGS=error ../venv/bin/python -c "$three_lines" "$line")" = "$text" ] || {
            echo "$python: inkport.load read another text" >&2; exit 1; }
        code=0
        inkport import model.onnx --out imported 2>import.txt || code=$?
        [ "$code" = 3 ] && grep -q "^fix: pip install 'inkport\[import\]'" import.txt || {
            echo "$python: import does not say what it needs" >&2; exit 1; }
    )
    echo "$python: $("$folder/venv/bin/python" --version), $(du -sm "$folder/venv" | cut -f1) MB: read, verify, bench, kit, bundle, load work"
    tried=$((tried + 1))
done
[ "$tried" -gt 0 ] || { echo "no Python was here to try the wheel with" >&2; exit 3; }
