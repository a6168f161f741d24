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
    ├── HubError                      what was named on the hub is not there, or not as it should be
    │   └── HubUnavailableError         the hub cannot be reached, or does not let us in
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

import errno
import re
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


class HubError(InkportError):
    """What was named on the hub is not there, is damaged, or cannot be put there."""


class HubUnavailableError(HubError):
    """The hub cannot be reached from here, or does not let us in."""


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


PACKAGES = {
    "ai_edge_litert": "ai-edge-litert",
    "fontTools": "fonttools",
    "mlperf_loadgen": "mlcommons-loadgen",
    "docx": "python-docx",
}
"""Packages that are not called as the module is that they install; a hyphen for an underscore is no difference."""


def extra_of(module: str) -> str:
    """Return the extra of inkport that installs a module; empty if none does, or inkport is not installed.

    Args:
        module: Its name, without a part behind a dot.
    """
    # It takes a while to load, and only an error needs it.
    from importlib.metadata import PackageNotFoundError, requires

    package = PACKAGES.get(module, module).replace("_", "-").lower()
    try:
        lines = requires("inkport") or []
    except PackageNotFoundError:
        return ""
    found = [re.match(r"([\w.-]+).*?extra == ['\"]([\w-]+)", line) for line in lines]
    extras = [match[2] for match in found if match and match[1].replace("_", "-").lower() == package]
    # Several bring onnx along for work of their own.
    return "export" if "export" in extras else next(iter(extras), "")


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


EXIT_OK = 0
"""All well."""
EXIT_REGRESSED = 1
"""A target regressed, or a stage failed: the work was done, and this is what came out."""
EXIT_USAGE = 2
"""The request or its data is wrong, or this machine has no room for it: disk, permission, memory."""
EXIT_UNAVAILABLE = 3
"""A requested runtime or target is not available here."""
EXIT_UNFORESEEN = 70
"""A fault of inkport's own; the number is EX_SOFTWARE of sysexits.h."""
EXIT_INTERRUPTED = 130
"""Interrupted from the keyboard: 128 and the number of SIGINT, as shells have it."""
SIGNALLED = 128
"""Codes above it say that a signal ended the process."""

USAGE = (
    UsageError,
    DataError,
    SpecError,
    ArtifactError,
    CheckpointError,
    HubError,
    UnknownRuntimeError,
    RuntimeCollisionError,
    UnsupportedFormatError,
)
"""Errors whose cause is in what was asked or handed in."""


REFUSALS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO}
)
"""What the system says where it has no room for anybody: no converter, runtime or target is at fault."""


def is_refusal(error: BaseException) -> bool:
    """Whether the machine, and not what ran on it, is the reason of an error; no other target would fare better."""
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in REFUSALS)


def exit_code(error: InkportError) -> int:
    """Return the exit code that a command ends with after ``error``."""
    if isinstance(error, RuntimeUnavailableError | HubUnavailableError):
        return EXIT_UNAVAILABLE
    return EXIT_USAGE if isinstance(error, USAGE) else EXIT_REGRESSED


def describe_os_error(error: OSError) -> str:
    """Return in one sentence what the system refused, and of which file."""
    names = [str(name) for name in (error.filename, error.filename2) if name is not None]
    reason = error.strerror or str(error) or type(error).__name__
    return f"{' and '.join(names)}: {reason}" if names else reason


class Ended(SystemExit):
    """This process was told to end: by a signal, not by code of others."""


OURS = (KeyboardInterrupt, GeneratorExit, Ended)
"""What is meant for the whole process."""


def failure_of(error: BaseException, *, label: str = "its library") -> Exception:
    """Return what an exception out of code of others counts as.

    A library that calls ``sys.exit(0)`` would end a verification with the exit code of success and without a report.

    Args:
        error: What was raised.
        label: Names the code.

    Raises:
        BaseException: The error itself, if it is meant for the whole process.
    """
    if isinstance(error, Exception):
        return error
    if isinstance(error, OURS):
        raise error
    if isinstance(error, SystemExit):
        return RuntimeExecutionError(f"{label}: tried to end the whole process (exit code {error.code!r})")
    return RuntimeExecutionError(f"{label}: failed with {error!r}")
