"""Programs that draw a training's curves, where they are installed: TensorBoard and trackio.

Nothing leaves the machine: TensorBoard reads files, and trackio keeps a database of its own unless its variables
(``TRACKIO_SPACE_ID``, ``TRACKIO_SERVER_URL``) name a place elsewhere.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from inkport.train.log import Entry, Viewer, key_of


FOLDER = "tensorboard"
"""Where in a run's folder TensorBoard finds its files."""
EVENTS = "events.out.tfevents.*"
"""Names of these files; others in the folder are not ours."""
FLUSH_S = 10
"""How long points may wait before TensorBoard can see them; an entry comes every few seconds at the most."""
PROJECT = "inkport"
"""Project of all runs in trackio."""


class _Closable(Viewer, Protocol):
    def close(self) -> None: ...


@contextmanager
def installed_viewers(out: Path, *, leads: bool = True) -> Iterator[list[GuardedViewer]]:
    """Yield what is installed of TensorBoard and trackio, for the entries of a run, and close it afterwards.

    TensorBoard counts as installed if torch can write for it (the package tensorboard), or tensorboardX can.

    Args:
        out: The run's folder; its name is that of the run.
        leads: Whether this process writes the log; the others of a run show nothing.
    """
    found: list[_Closable] = []
    if leads and (find_spec("tensorboard") or find_spec("tensorboardX")):
        found.append(TensorBoard(out / FOLDER))
    if leads and find_spec("trackio"):
        found.append(Trackio(out.resolve().name))
    viewers = [GuardedViewer(viewer) for viewer in found]
    try:
        yield viewers
    finally:
        for viewer in viewers:
            viewer.close()


def curves(entry: Entry) -> dict[str, float]:
    """Return the points of an entry by the name of their curve: ``loss``, ``val_cer/all``."""
    points: dict[str, float] = {}
    for name, value in entry.items():
        if isinstance(value, Mapping):
            points |= {f"{name}/{part}": float(number) for part, number in value.items()}
        elif name != "step":
            points[name] = float(value)
    return points


class TensorBoard:
    """A file for TensorBoard, which says what the log says: a run that goes on writes it again from the start.

    Its writers write behind, so that a kill loses points of which the log has each.

    Args:
        folder: Where they are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: Any = None

    def begin(self, before: Sequence[Entry], again: Sequence[Entry]) -> None:  # noqa: ARG002 - it comes again
        """Put a new file in the place of those that are there."""
        writers = import_module("torch.utils.tensorboard" if find_spec("tensorboard") else "tensorboardX")
        for file in self._folder.glob(EVENTS):
            file.unlink()
        self._writer = writers.SummaryWriter(str(self._folder), flush_secs=FLUSH_S)
        for entry in before:
            self.add(entry)

    def add(self, entry: Entry) -> None:
        """Write the entry's points."""
        for name, value in curves(entry).items():
            self._writer.add_scalar(name, value, entry["step"])

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()


class Trackio:
    """A run in trackio.

    Args:
        name: Its name.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._run: Any = None
        self._has: set[tuple[int, bool]] = set()

    def begin(self, before: Sequence[Entry], again: Sequence[Entry]) -> None:
        """Begin the run, or take the last one of that name up again, which has all that was logged."""
        import trackio

        # What it prints is no result.
        with redirect_stdout(sys.stderr):
            self._run = trackio.init(PROJECT, name=self._name, resume="allow" if before else "never")
        self._has = set(map(key_of, again))

    def add(self, entry: Entry) -> None:
        """Hand the entry's points over, unless it has them."""
        if key_of(entry) not in self._has:
            self._run.log(curves(entry), step=entry["step"])

    def close(self) -> None:
        """Wait until they are stored."""
        if self._run is not None:
            with redirect_stdout(sys.stderr):
                self._run.finish()


class GuardedViewer:
    """A viewer that ends no training: where it fails, it says so once, and is not asked again.

    Args:
        viewer: The viewer.
    """

    def __init__(self, viewer: _Closable) -> None:
        self._viewer, self._failed = viewer, False

    def begin(self, before: Sequence[Entry], again: Sequence[Entry]) -> None:
        """See ``Viewer``."""
        with self._guard():
            self._viewer.begin(before, again)

    def add(self, entry: Entry) -> None:
        """See ``Viewer``."""
        if not self._failed:
            with self._guard():
                self._viewer.add(entry)

    def close(self) -> None:
        """Close the viewer."""
        with self._guard():
            self._viewer.close()

    @contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever somebody else's program does, the log is in log.jsonl
            if not self._failed:
                name = type(self._viewer).__name__
                sys.stderr.write(f"warning: {name} shows no more of this run ({type(error).__name__}: {error})\n")
            self._failed = True
