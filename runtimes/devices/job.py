"""A long command on a device that goes on without the connection, and is ended when its time is over.

It lives in a folder of its own: ``pid`` says who it is, ``out.txt`` and ``err.txt`` what it said, ``exit`` how it
ended, ``expired`` that it was ended. So whoever comes back later finds it running, or finds its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from inkport.core.errors import DeviceError
from inkport.runtimes.devices.device import SCRIPT_S, Device, check, quote


PATIENCE_S = 30
"""How long one look at a running job lasts: a device that is asked all the time measures the asking."""
START_S = 10
"""How long a job may take to say that it has begun, in seconds."""

BOOT = 'cat /proc/sys/kernel/random/boot_id 2>/dev/null || echo "no-boot-id"'
"""Changes when the device restarts, after which its process numbers mean others."""

BODY = """
echo "$$ $({boot})" > pid.part && mv pid.part pid
( {command}
) > out.txt 2> err.txt < /dev/null &
job=$!
( sleep {limit}; : > expired; kill -s KILL -- -$$ 2>/dev/null || kill -s KILL $job $$ ) > /dev/null 2>&1 < /dev/null &
guard=$!
wait $job
echo $? > exit.part && mv exit.part exit
kill -s KILL $guard
kill -s KILL -- -$$
"""
"""What runs on the device. Its last line ends what the command has left running, where ``setsid`` made them a group."""

START = """
mkdir -p {parent} || exit 1
mkdir {folder} 2>/dev/null || {{ [ -d {folder} ] && exit 0; mkdir {folder}; exit 1; }}
cd {folder} || exit 1
launcher=nohup
command -v setsid >/dev/null 2>&1 && launcher=setsid
$launcher sh -c {body} > /dev/null 2>&1 < /dev/null &
n=0
while [ ! -f pid ] && [ $n -lt {start} ]; do sleep 1; n=$((n + 1)); done
[ -f pid ] || {{ echo "the command did not begin within {start} s" >&2; exit 1; }}
"""

LOOK = """
cd {folder} 2>/dev/null || {{ echo absent; exit 0; }}
alive() {{
  [ -f pid ] && read -r p boot < pid && [ "$boot" = "$({boot})" ] && kill -0 "$p" 2>/dev/null
}}
n=0
while [ ! -f exit ] && [ ! -f expired ] && alive && [ $n -lt {patience} ]; do sleep 1; n=$((n + 1)); done
if [ -f exit ]; then echo "ended $(cat exit)"
elif [ -f expired ]; then echo expired
elif alive; then echo running
elif [ -f exit ]; then echo "ended $(cat exit)"
else echo gone; fi
"""

END = """
cd {folder} 2>/dev/null || exit 0
read -r p boot < pid 2>/dev/null && [ "$boot" = "$({boot})" ] || exit 0
kill -s KILL -- "-$p" 2>/dev/null || kill -s KILL "$p" 2>/dev/null
true
"""


class Stage(StrEnum):
    """Where a job is."""

    ABSENT = "absent"
    """It was never started."""
    RUNNING = "running"
    """It runs."""
    ENDED = "ended"
    """It has ended by itself."""
    EXPIRED = "expired"
    """It was ended because its time was over."""
    GONE = "gone"
    """It neither runs nor has it ended: the device restarted, or its system ended it."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a look at a job showed."""

    stage: Stage
    """Where it is."""
    code: int | None = None
    """Its exit code, once it has ended."""


def start_job(device: Device, folder: str, command: str, *, limit_s: float) -> None:
    """Start a command in a new folder on the device; where that folder is there already, nothing is started.

    Args:
        device: The device.
        folder: The job's folder; also the command's working folder.
        command: A shell command. It reads nothing.
        limit_s: When it is ended, in seconds.

    Raises:
        DeviceError: If it cannot be started.
    """
    parent = folder.rpartition("/")[0] or "."
    body = BODY.format(boot=BOOT, command=command, limit=int(limit_s))
    script = START.format(folder=quote(folder), parent=quote(parent), body=quote(body), start=START_S)
    check(device, device.run(script, timeout_s=SCRIPT_S + START_S), "starting the run")


def look_at_job(device: Device, folder: str, *, patience_s: int = PATIENCE_S) -> Look:
    """Return where a job is, waiting a while for its end if it runs.

    Raises:
        DeviceError: If the device cannot run the script.
    """
    script = LOOK.format(folder=quote(folder), boot=BOOT, patience=patience_s)
    words = check(device, device.run(script, timeout_s=SCRIPT_S + patience_s), "looking at the run").out.split()
    try:
        return Look(stage=Stage(words[0]), code=int(words[1]) if len(words) > 1 else None)
    except (IndexError, ValueError) as error:
        raise DeviceError(f"{device.name}: said {' '.join(words)!r} of the run") from error


def end_job(device: Device, folder: str) -> None:
    """End a job that may still run, with all that it has started.

    Raises:
        DeviceError: If the device cannot run the script.
    """
    check(device, device.run(END.format(folder=quote(folder), boot=BOOT)), "ending the run")
