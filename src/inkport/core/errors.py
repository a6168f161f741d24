"""Every error inkport raises on purpose.

The tree::

    InkportError                      message says what was found and expected; ``remedy`` how to fix it
    ├── UsageError                    the request itself is wrong
    │   └── RecipeError                 a recipe or targets file
    ├── DataError
    │   ├── ImageError                  an image that cannot be read as one text line
    │   └── LineDataError               a line set, or lines of it
    ├── SpecError
    │   ├── CharsetError                a charset that cannot be built or parsed
    │   ├── UnknownSymbolError          a text with a symbol outside the charset
    │   └── SpecMismatchError           two parts that do not fit each other
    ├── ArtifactError
    │   ├── ArtifactNotFoundError       (also FileNotFoundError)
    │   └── ArtifactCorruptError        a digest, the sidecar or a weight file is wrong
    ├── CheckpointError               a training checkpoint that cannot be resumed
    ├── TrainingError                 a training that other work needs failed
    ├── ExportError                   a converter or quantizer gave up
    │   ├── ExportRequestError          (also UsageError) it was asked for what it cannot be asked
    │   └── ExporterUnavailableError    (also RuntimeUnavailableError) a package that it needs is not installed
    └── TargetError
        ├── UnknownRuntimeError         no runtime registered under that name
        ├── RuntimeCollisionError       two packages register one name
        ├── UnsupportedFormatError      the runtime cannot open this artifact
        ├── RuntimeUnavailableError     the runtime is known but cannot run here
        │   └── DeviceUnavailableError    a device that cannot be reached, or lost its connection
        ├── RuntimeExecutionError       a session failed or broke its contract
        └── DeviceError                 a device refused, or something failed on it
            └── DeviceTimeoutError        (also TimeoutError)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class InkportError(Exception):
    """Root of all errors that inkport raises on purpose.

    Args:
        message: One sentence: what was found, what was expected.
        remedy: One sentence: what to do about it; empty when there is nothing to add.
    """

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\nfix: {self.remedy}" if self.remedy else self.message


class UsageError(InkportError):
    """The request is wrong: an argument, an option, or their combination."""


class RecipeError(UsageError):
    """A recipe or targets file has an unknown key, a wrong type or a value out of range."""


class DataError(InkportError):
    """Something is wrong with the data handed in."""


class ImageError(DataError):
    """An image cannot be read as one line of text."""


class LineDataError(DataError):
    """A line set, or at least one line of it, cannot be used."""


class SpecError(InkportError):
    """A recogniser's specification is wrong."""


class CharsetError(SpecError):
    """A charset cannot be built or parsed."""


class UnknownSymbolError(SpecError):
    """A text holds a symbol that the charset lacks."""


class SpecMismatchError(SpecError):
    """Two parts do not fit each other: shapes, label counts, strides."""


class ArtifactError(InkportError):
    """Something is wrong with an artifact."""


class ArtifactNotFoundError(ArtifactError, FileNotFoundError):
    """There is no artifact at that path."""


class ArtifactCorruptError(ArtifactError):
    """An artifact's content is not what its sidecar says."""


class CheckpointError(InkportError):
    """A training checkpoint cannot be read or does not belong to this recipe."""


class TrainingError(InkportError):
    """A training that other work needs failed."""


class ExportError(InkportError):
    """An export stage failed."""


class TargetError(InkportError):
    """A target cannot be opened or run."""


class UnknownRuntimeError(TargetError):
    """No runtime is registered under the requested name."""


class RuntimeCollisionError(TargetError):
    """Two installed packages register a runtime under the same name."""


class UnsupportedFormatError(TargetError):
    """The runtime cannot open artifacts of this format."""


class RuntimeUnavailableError(TargetError):
    """The runtime is registered but cannot run on this machine."""


class RuntimeExecutionError(TargetError):
    """A session failed while running, or returned something that breaks its contract."""


class ExportRequestError(ExportError, UsageError):
    """An export was asked for wrongly: a setting out of range, no lines to calibrate on, no way there."""


class ExporterUnavailableError(ExportError, RuntimeUnavailableError):
    """An export needs a package that is not installed."""


class DeviceUnavailableError(RuntimeUnavailableError):
    """A device cannot be reached, or the connection to it was lost."""


class DeviceError(TargetError):
    """A device refused what it was asked, or something failed on it."""


class DeviceTimeoutError(DeviceError, TimeoutError):
    """Something on a device, or the way to it, took longer than it may."""


@contextmanager
def needing(what: str, *, extra: str, error: type[RuntimeUnavailableError] = RuntimeUnavailableError) -> Iterator[None]:
    """Say what is missing, and how to install it, where the block imports a package that is not there.

    Args:
        what: What needs the package, to begin a sentence.
        extra: Extra of inkport that installs it.
        error: What to raise.

    Raises:
        RuntimeUnavailableError: If a module is not found.
    """
    try:
        yield
    except ModuleNotFoundError as missing:
        raise error(
            f"{what} needs {missing.name}, which is not installed", remedy=f"pip install 'inkport[{extra}]'"
        ) from missing
