"""How huggingface_hub is called: its errors become ours, and it draws only where somebody looks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from inkport.core.errors import HubError, HubUnavailableError
from inkport.core.hub.reference import HubReference
from inkport.core.verbosity import is_quiet


OFFLINE = "with HF_HUB_OFFLINE only what was fetched before is there: leave that variable out, and fetch it once"
"""What helps where the cache lacks something."""
LOGIN = "log in with hf auth login, or set HF_TOKEN"
"""What helps where the hub must know who asks."""


@contextmanager
def bars_for_a_viewer() -> Iterator[None]:
    """Keep huggingface_hub from drawing progress bars in the block, unless somebody sees and wants them."""
    from huggingface_hub import constants
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    seen = sys.stderr.isatty() and not is_quiet()
    # Where the variable says what is wanted, it warns of whoever wants anything else.
    if seen or constants.HF_HUB_DISABLE_PROGRESS_BARS is not None or are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


@contextmanager
def hub_errors(reference: HubReference) -> Iterator[None]:
    """Turn what huggingface_hub raises in the block into our errors.

    Raises:
        HubUnavailableError: If the hub cannot be reached, does not let us in, or the cache lacks what is wanted.
        HubError: If there is no such repository or revision, or the hub refuses for another reason.
    """
    try:
        yield
    except Exception as error:
        if (
            told := _asked_wrongly(error, reference) or _refused(error, reference) or _failed(error, reference)
        ) is None:
            raise
        raise told from error


def _asked_wrongly(error: Exception, reference: HubReference) -> HubError | None:
    """Return what is said of a repository or revision that is not there, or not for everybody."""
    from huggingface_hub import constants, errors

    where, hub = reference.repository, constants.ENDPOINT
    if isinstance(error, errors.GatedRepoError):
        return HubUnavailableError(
            f"{where} is gated: its owner hands it to those who have asked for it",
            remedy=f"ask for it on {hub}/{reference.page}, then {LOGIN}",
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return HubError(
            f"{where}: no such {reference.kind} on {hub}, or a private one",
            remedy=f"check the name; if it is private, {LOGIN}",
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return HubError(f"{where}: no revision {reference.revision!r}", remedy="name a branch, a tag or a commit of it")
    return None


def _refused(error: Exception, reference: HubReference) -> HubError | None:
    """Return what is said where the hub answers, and not with what was asked for."""
    from huggingface_hub import constants, errors

    # Of an upload that failed, a RuntimeError says which, and its cause why.
    cause = error.__cause__ if isinstance(error, RuntimeError) else error
    where, hub = reference.repository, constants.ENDPOINT
    if isinstance(cause, errors.HfHubHTTPError):
        status = cause.response.status_code
        if status in (401, 403):
            return HubUnavailableError(f"{where}: {hub} does not allow this (status {status})", remedy=LOGIN)
        if status >= 500:
            return HubUnavailableError(f"{where}: {hub} cannot answer (status {status})", remedy="try again later")
        return HubError(f"{where}: {hub} refuses (status {status}: {cause.server_message or 'no reason given'})")
    if isinstance(error, errors.FileMetadataError | ValueError):
        return HubError(
            f"{where}: {hub} answers otherwise than a hub ({_sentence(error)})",
            remedy="check the name, and HF_ENDPOINT if it is set",
        )
    return None


def _failed(error: Exception, reference: HubReference) -> HubError | None:
    """Return what is said where nobody answers."""
    from huggingface_hub import constants, errors

    where, hub = reference.repository, constants.ENDPOINT
    if constants.HF_HUB_OFFLINE and isinstance(error, errors.LocalEntryNotFoundError | ConnectionError):
        return HubUnavailableError(f"{where} is not in the cache of huggingface_hub", remedy=OFFLINE)
    # The base of all errors of the library that huggingface_hub speaks HTTP with, whichever it is: no connection, a
    # time that ran out, a transfer that broke off.
    broken = errors.HfHubHTTPError.__bases__[0]
    if isinstance(error, (broken, errors.LocalEntryNotFoundError, ConnectionError, TimeoutError, RuntimeError)):
        return HubUnavailableError(
            f"{where}: {hub} cannot be reached ({_sentence(error)})",
            remedy="check the connection; HF_HUB_OFFLINE=1 takes what was fetched before",
        )
    return None


def _sentence(error: BaseException) -> str:
    """Return the first line of what lies behind an error."""
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error) or type(error).__name__).splitlines()[0]
