"""Stands in for adb: replays a conversation, strictly.

usage: fake_adb.py TRANSCRIPT COUNT ARGUMENT...

The transcript is a list of calls: ``argv``, and what comes back: ``out``, ``err``, ``code``. ``@local`` in ``argv``
stands for a path of this machine; everything else must be the same to the letter. ``saves`` names a file whose content
a pull writes there. The file COUNT holds how many calls there were; a call that is not the next one ends with exit code
99, and so does every later one.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path


def same(wanted: str, word: str) -> bool:
    return word == wanted or (wanted == "@local" and Path(word).is_absolute())


def main() -> int:
    calls, counter, argv = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), Path(sys.argv[2]), sys.argv[3:]
    count = int(counter.read_text()) if counter.exists() else 0
    call = calls[count] if 0 <= count < len(calls) else {"argv": []}
    wanted = call["argv"]
    if len(wanted) != len(argv) or not all(map(same, wanted, argv)):
        counter.write_text("-1")
        sys.stderr.write(f"call {count} is not in the recording: {argv}\nexpected: {wanted}\n")
        return 99
    counter.write_text(str(count + 1))
    if "saves" in call:
        shutil.copyfile(call["saves"], argv[wanted.index("@local")])
    sys.stdout.write(call.get("out", ""))
    sys.stderr.write(call.get("err", ""))
    return call.get("code", 0)


sys.exit(main())
