#!/usr/bin/env bash
# Installs what the runtimes ort-node and ort-web need: the pinned npm packages, and where root may, Node and Chromium.
#
# usage: scripts/web_modules.sh [FOLDER]      default: $INKPORT_WEB_MODULES, or runtimes/web
set -euo pipefail

web=$(realpath "$(dirname "$0")/../runtimes/web")
folder=$(realpath -m "${1:-${INKPORT_WEB_MODULES:-$web}}")

have() { command -v "$1" >/dev/null; }
has_chromium() {
    [ -n "${INKPORT_CHROMIUM:-}" ] || have chromium || have chromium-browser || have google-chrome ||
        have google-chrome-stable || have microsoft-edge
}

missing=()
have node || missing+=(nodejs)
have npm || missing+=(npm)
has_chromium || missing+=(chromium)
if [ ${#missing[@]} -gt 0 ]; then
    if [ "$(id -u)" = 0 ] && have apt-get; then
        echo "web_modules.sh: installing ${missing[*]}"
        apt-get update -qq && apt-get install -qq --no-install-recommends -y "${missing[@]}" >/dev/null
    else
        echo "web_modules.sh: not installed: ${missing[*]}" >&2
        echo "fix: Debian: sudo apt-get install ${missing[*]}; elsewhere: Node 18 or newer from nodejs.org," \
            "any Chromium, Chrome or Edge, and its program in INKPORT_CHROMIUM unless it is on PATH" >&2
        exit 1
    fi
fi

mkdir -p "$folder"
[ "$folder" = "$web" ] || cp "$web"/package.json "$web"/package-lock.json "$web"/.npmrc "$folder"
npm ci --ignore-scripts --loglevel=error --prefix "$folder"
