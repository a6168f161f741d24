#!/usr/bin/env bash
# Makes new weights of convtext-tiny the shipped ones, makes every report again that speaks of them (docs/results), writes what documents
# quote from these, and runs the checks of a release. What is left to do by hand: a row in the lineage of docs/models/convtext-tiny.md.
#
# usage: scripts/release.sh WEIGHTS.safetensors        from the clone; the machine must do nothing else. `make release WEIGHTS=...` runs it
#   PYTHON=...  interpreter that inkport is installed in, with the extras export, parquet and peers; default: .venv/bin/python
#
# Wants a tree without changes, data/lines (docs/data.md), data/synth and data/synth-more (docs/synth.md), the language model's file, and
# Tesseract's model of French. What takes no time measurement comes first. convtext-small, which stays as it is, is measured again beside
# it, so that one machine tells of both. The demo runs last, in a clone of its own where only the demo is installed. A target that
# regresses ends the release: what is wrong comes before what is quoted.
# Targets that are not installed are rows without figures: `make .venv/.web .venv/.arm64` adds Node, browser and emulated arm64.
set -euo pipefail

weights=$(realpath -m "${1:?usage: scripts/release.sh WEIGHTS.safetensors}")
cd "$(dirname "$0")/.."
python=$(realpath -s "${PYTHON:-.venv/bin/python}")
inkport() { "$python" -m inkport "$@"; }
train=(data/lines/train-*.parquet)
val=(data/lines/val-*.parquet)
test=(data/lines/test-*.parquet)
skip=too-few-frames,unknown-symbol,empty-text
results=docs/results
out=out/shipped

keep() { # NAME [FOLDER]: the report of FOLDER, out/shipped/NAME unless told, becomes docs/results/NAME, without its single lines
    "$python" scripts/summarise_report.py "${2:-$out/$1}/report.json" "$results/$1.json"
}

# Nothing is replaced before all that the reports need is there.
[ -z "$(git status --porcelain)" ] || { echo "the tree has changes: commit them, the demo runs on a clone" >&2; exit 2; }
for path in "$weights" "${train[@]}" "${val[@]}" "${test[@]}" data/synth/test/lines.tsv data/synth-more/test/lines.tsv; do
    [ -f "$path" ] || { echo "$path: not there; docs/data.md and docs/synth.md say what it is" >&2; exit 2; }
done
"$python" -c 'from inkport.benchmarks.checks.peers.engines import PpOcr, Tesseract
Tesseract("fra").close(); PpOcr().close()' || {
    echo "the recognisers to compare with do not start: pip install '.[peers]', and Tesseract's model of French" >&2; exit 2; }

rm -rf "$out"
inkport export "$weights" --to onnx-int8 openvino-int8 --calibration "${train[@]}" --out "$out/artifacts"
"$python" - <<'PY'
import json
from pathlib import Path

from inkport.core.artifact import load_artifact

# The language model's weights for the recogniser that was shipped before; others are for others.
path = Path("src/inkport/bundle/lm/fr-en.npz.fusion.json")
old = load_artifact(Path("model/shipped/convtext-tiny")).digest
kept = [entry for entry in json.loads(path.read_text()) if entry["root"] != old]
path.write_text(json.dumps(kept, indent=1) + "\n")
PY
rm -rf model/shipped/convtext-tiny src/inkport/bundle/convtext-tiny-{int8,openvino-int8,fp32}
cp -r "$out/artifacts/safetensors-fp32" model/shipped/convtext-tiny
cp -r "$out/artifacts/onnx-int8" src/inkport/bundle/convtext-tiny-int8
cp -r "$out/artifacts/openvino-int8" src/inkport/bundle/convtext-tiny-openvino-int8
cp -r "$out/artifacts/onnx-fp32" src/inkport/bundle/convtext-tiny-fp32

for model in convtext-tiny-int8 convtext-small-int8; do
    inkport lm tune "$model" --lm src/inkport/bundle/lm/fr-en.npz --lines "${val[@]}" --skip "$skip"
done
inkport verify --lines "${val[@]}" --latency-lines 0 --targets "$results/verify-val-targets.toml" --out "$out/verify-val"
keep verify-val
inkport verify --lm fr-en --lines "${test[@]}" --latency-lines 0 --targets "$results/verify-lm-targets.toml" --out "$out/verify-lm"
keep verify-lm
inkport verify --lines data/synth/test/lines.tsv data/synth-more/test/lines.tsv --skip unknown-symbol --latency-lines 0 \
    --targets "$results/synth-languages-targets.toml" --out "$out/synth-languages"
keep synth-languages
inkport diagnose flips --targets "$results/margins-targets.toml" --out "$out/flips"
cp "$out/flips/flips.json" "$results/margins.json"
"$python" scripts/int8_settings.py "$out/artifacts/onnx-fp32" --calibration "${train[@]}" --lines "${val[@]}"

inkport verify --lines "${test[@]}" --latency-lines 200 --out "$out/verify-test"
keep verify-test
inkport verify convtext-small --targets "$results/verify-small-targets.toml" --lines "${test[@]}" --latency-lines 200 \
    --out "$out/verify-small"
keep verify-small
"$python" -m inkport.benchmarks.checks.peers --lines "${test[@]}" --lm fr-en --out "$results/peers" \
    --artifacts "$out/artifacts/onnx-fp32" "$out/verify-small/artifacts/onnx-fp32" src/inkport/bundle/convtext-small-int8
inkport bench --overhead --fresh 1 --scenario single-stream offline --most-seconds 40 --targets "$results/bench-targets.toml" \
    --out "$out/bench"
cp "$out/bench/bench.json" "$out/bench/bench.txt" "$results"
inkport lm measure --lm fr-en --lines "${test[@]}" --skip "$skip" --out "$results/lm.json"
inkport lm measure convtext-small-int8 --lm fr-en --lines "${test[@]}" --skip "$skip" --out "$results/lm-small.json"

demo=$(mktemp -d)
trap 'rm -rf "$demo"' EXIT
git clone --quiet . "$demo"
for folder in model/shipped src/inkport/bundle; do
    rm -rf "${demo:?}/$folder"
    cp -r "$folder" "$demo/$folder"
done
make -C "$demo" demo-all PYTHON="$("$python" -c 'import sys; print(sys._base_executable)')"
keep verify-samples "$demo/out/verify"

"$python" scripts/quote_reports.py
"$python" -m pytest tests/release
