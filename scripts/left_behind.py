"""Runs a command without a network and with an empty home, and says what it left there and whom it tried to reach.

usage: scripts/left_behind.py [--folder DIR] [--browser] -- COMMAND...

The command gets a network namespace of its own, in which only the loopback interface is up, HOME and TMPDIR in an
empty folder, and none of the variables that name other places (XDG_*). Prints one JSON object: the command's exit
code, what lies in its home and its temporary folder afterwards, how often something asked for a route to another
machine, and the end of what it printed. Exit code 0: nothing was left and nobody was called; 1: something was; 2: a
wrong call; 3: this system gives no namespaces.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path


KEPT = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "OMP_NUM_THREADS", "VIRTUAL_ENV")
"""Variables that the command keeps, besides those of inkport's own (``INKPORT_*``)."""
TAIL = 3000
"""Characters of the command's output that are shown."""
SIOCSIFFLAGS, IFF_UP, IFF_LOOPBACK, IFF_RUNNING = 0x8914, 0x1, 0x8, 0x40
"""From Linux's ``sockios.h`` and ``if.h``."""


def main() -> int:
    """Run the command and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where home and tmp are made; a temporary folder if left out")
    parser.add_argument(
        "--browser",
        action="store_true",
        help="do not count routes of IPv6: Chromium learns whether there is one by connecting a UDP socket to a public "
        "address, to which it sends nothing",
    )
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        parser.error("no command")
    if options.inside:
        return run_inside(command, options.inside)
    if why := refusal():
        sys.stderr.write(f"left_behind.py: {why}\n")
        return 3
    with tempfile.TemporaryDirectory(prefix="inkport-left-") as name:
        found = run(command, options.folder or Path(name))
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
    called = found["calls"] or (found["calls_v6"] and not options.browser)
    return 1 if found["home"] or found["tmp"] or called else 0


def refusal() -> str | None:
    """Return why a command cannot be cut off from the network here; None if it can."""
    program = shutil.which("unshare")
    if program is None:
        return "there is no unshare here (util-linux)"
    tried = subprocess.run([program, "--net", "--map-root-user", "true"], capture_output=True, text=True, check=False)
    return f"no network namespace: {tried.stderr.strip()}" if tried.returncode else None


def run(command: list[str], folder: Path) -> dict[str, object]:
    """Run a command, and return what was found.

    Args:
        command: Program and arguments.
        folder: Where its home and its temporary folder are made; they must not be there yet.
    """
    places = {name: folder / name for name in ("home", "tmp")}
    for place in places.values():
        place.mkdir(parents=True)
    environment = {key: value for key, value in os.environ.items() if key in KEPT or key.startswith("INKPORT_")}
    environment |= {"HOME": str(places["home"]), "TMPDIR": str(places["tmp"])}
    answer = folder / "answer.json"
    cut_off = ["unshare", "--net", "--map-root-user", sys.executable, __file__, "--inside", str(answer), "--"]
    done = subprocess.run([*cut_off, *command], env=environment, capture_output=True, text=True, check=False)
    counted = json.loads(answer.read_text(encoding="utf-8")) if answer.exists() else {"rc": None}
    left = {name: sorted(str(p.relative_to(place)) for p in place.rglob("*")) for name, place in places.items()}
    return {**counted, **left, "said": (done.stdout + done.stderr)[-TAIL:]}


def run_inside(command: list[str], answer: Path) -> int:
    """Bring the loopback interface up, run the command, and write its code and the number of calls."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh14x", b"lo", IFF_UP | IFF_LOOPBACK | IFF_RUNNING)
        fcntl.ioctl(control, SIOCSIFFLAGS, request)
    before = unroutable()
    code = subprocess.run(command, check=False).returncode
    calls = {name: count - before[name] for name, count in unroutable().items()}
    answer.write_text(json.dumps({"rc": code, **calls}), encoding="utf-8")
    return code


def unroutable() -> dict[str, int]:
    """Return how many packets or connections of this namespace had no route: every call to another machine."""
    lines = [line.split() for line in Path("/proc/net/snmp").read_text(encoding="ascii").splitlines()]
    names, values = (fields for fields in lines if fields[0] == "Ip:")
    file = Path("/proc/net/snmp6")
    sixth = dict(line.split() for line in file.read_text(encoding="ascii").splitlines()) if file.exists() else {}
    return {"calls": int(values[names.index("OutNoRoutes")]), "calls_v6": int(sixth.get("Ip6OutNoRoutes", 0))}


if __name__ == "__main__":
    sys.exit(main())
