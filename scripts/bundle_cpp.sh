#!/usr/bin/env bash
# Makes a C++ bundle and builds it: what the runtime bundle-cpp reads through.
#
# usage: scripts/bundle_cpp.sh [FOLDER]      default: $INKPORT_BUNDLE_CPP, or out/bundle-cpp
#
# Needs inkport's Python in $PYTHON, g++ (or another C++17 compiler) and CMake; libpng and libjpeg-turbo for image files.
set -euo pipefail

PYTHON=${PYTHON:-python3}
folder=${1:-${INKPORT_BUNDLE_CPP:-$(dirname "$0")/../out/bundle-cpp}}

for program in cmake c++; do
    command -v "$program" >/dev/null || {
        echo "bundle_cpp.sh: $program is not installed" >&2
        echo "fix: apt install g++ cmake libpng-dev libjpeg-dev (Debian and Ubuntu)" >&2
        exit 1
    }
done
"$PYTHON" -m inkport bundle --for cpp --out "$folder"
cmake -S "$folder" -B "$folder/build" -DINKPORT_SHARED=OFF >/dev/null
cmake --build "$folder/build" --parallel 2
