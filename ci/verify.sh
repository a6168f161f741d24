#!/usr/bin/env bash
# Proves the ports of a model. What is set becomes an argument; of what may be several, one stands on each line.
set -euo pipefail

arguments=(verify)
[ -z "${INKPORT_MODEL:-}" ] || arguments+=("$INKPORT_MODEL")

several() {
    local option=$1 value
    while read -r value; do
        [ -z "$value" ] || { arguments+=(${option:+"$option"} "$value"); option=''; }
    done <<<"$2"
}
several --lines "${INKPORT_LINES:-}"
several --calibration "${INKPORT_CALIBRATION:-}"
several --target "${INKPORT_TARGET:-}"
[ -z "${INKPORT_TARGETS:-}" ] || arguments+=(--targets "$INKPORT_TARGETS")

inkport "${arguments[@]}" --out "$INKPORT_OUT"
