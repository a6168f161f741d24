#!/usr/bin/env bash
# Makes the folder that the runtime ort-arm64 runs in: arm64 Python and ONNX Runtime from Debian and Python packages.
#
# usage: scripts/arm64_root.sh [FOLDER]      default: $INKPORT_ARM64_ROOT, or out/arm64-root
#
# Needs Debian (apt, dpkg), pip for the Python in $PYTHON, and qemu-aarch64-static, which root gets installed.
# Nothing else of the system changes: apt works in a state folder of its own, and packages are only unpacked.
set -euo pipefail

PYTHON=${PYTHON:-python3}
# Newer ones end with a segmentation fault in QEMU 7.2 when they are imported (docs/runtimes/ort-arm64.md).
WHEELS=(onnxruntime==1.24.1 numpy==2.3.5)
root=$(realpath -m "${1:-${INKPORT_ARM64_ROOT:-$(dirname "$0")/../out/arm64-root}}")

fail() {
    echo "arm64_root.sh: $1" >&2
    echo "fix: $2" >&2
    exit 1
}

grep -qs '^ID=debian$' /etc/os-release || fail "this is not Debian, whose archive has arm64 beside amd64" "run it there"
"$PYTHON" -m pip --version >/dev/null 2>&1 || fail "$PYTHON has no pip" "PYTHON=.venv/bin/python $0"
if ! command -v qemu-aarch64-static >/dev/null; then
    [ "$(id -u)" = 0 ] || fail "qemu-aarch64-static is not installed" "sudo apt-get install qemu-user-static"
    apt-get update -qq && apt-get install -qq --no-install-recommends -y qemu-user-static >/dev/null
fi
[ ! -e "$root" ] || [ -e "$root/.inkport" ] || fail "$root holds something else" "name another folder"

mkdir -p "$(dirname "$root")"
work=$(mktemp -d "$(dirname "$root")/.arm64-root.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{lists/partial,archives/partial,wheels,arm64/opt/inkport}
touch "$work/status"

sources=/etc/apt/sources.list.d/debian.sources
[ -f "$sources" ] || sources=/etc/apt/sources.list
apt=(
    -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Debug::NoLocking=1 -o APT::Sandbox::User=
    -o Acquire::Languages=none -o Dir::Etc::SourceList="$sources" -o Dir::Etc::SourceParts=-
    -o Dir::State="$work" -o Dir::State::lists="$work/lists" -o Dir::State::status="$work/status"
    -o Dir::Cache="$work" -o Dir::Cache::archives="$work/archives"
)
apt-get "${apt[@]}" update
# Into an empty system, so that apt names every package that these need.
apt-get "${apt[@]}" install --download-only --no-install-recommends -y python3-minimal libpython3-stdlib libstdc++6
for package in "$work"/archives/*.deb; do
    dpkg -x "$package" "$work/arm64"
done
rm -rf "$work"/arm64/usr/share/{doc,info,locale,man,perl,perl5} "$work"/arm64/usr/lib/aarch64-linux-gnu/{perl-base,gconv}
version=$(basename "$(readlink "$work/arm64/usr/bin/python3")")
"$PYTHON" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --dest "$work/wheels" \
    --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 --python-version "${version#python}" \
    "${WHEELS[@]}"
for wheel in "$work"/wheels/*.whl; do
    "$PYTHON" -m zipfile -e "$wheel" "$work/arm64/opt/inkport"
done
rm -rf "$work"/arm64/opt/inkport/onnxruntime/{transformers,quantization,tools,datasets}
find "$work/arm64/opt/inkport" -type d -name tests -prune -exec rm -rf {} +
# The first import leaves compiled modules behind: later ones take half the time.
env PYTHONHOME="$work/arm64/usr" PYTHONPATH="$work/arm64/opt/inkport" qemu-aarch64-static -cpu cortex-a53 \
    -L "$work/arm64" "$work/arm64/usr/bin/python3" -s -c 'import numpy, onnxruntime' 2>"$work/import.txt" || {
    cat "$work/import.txt" >&2
    fail "the emulated onnxruntime does not import" "report this with the versions of QEMU and of the packages"
}
printf '%s\n' "${WHEELS[@]}" >"$work/arm64/.inkport"
rm -rf "$root"
mv "$work/arm64" "$root"
chmod 755 "$root"
