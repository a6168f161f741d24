#!/usr/bin/env bash
# All three, one after the other; ends with the code of the first that failed.
set -uo pipefail

here=$(dirname "$0")
code=0
for step in verify compare post; do
    bash "$here/$step.sh" || code=$((code ? code : $?))
done
exit "$code"
