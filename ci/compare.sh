#!/usr/bin/env bash
# Compares the report with the stored one, if both are there; verify.sh has said why there is none.
set -euo pipefail

report="$INKPORT_OUT/report.json"
if [ -z "${INKPORT_BASELINE:-}" ] || [ ! -f "$report" ]; then
    echo "nothing to compare: baseline '${INKPORT_BASELINE:-}', report $report"
    exit 0
fi
inkport compare "$INKPORT_BASELINE" "$report" --max-slower "$INKPORT_MAX_SLOWER" --out "$INKPORT_OUT"
