"""Sending an artifact to the hub, with a card."""

from __future__ import annotations

from inkport.core.artifact import SIDECAR, Artifact
from inkport.core.errors import UsageError, needing
from inkport.core.hub.card import CARD, new_card, read_card, updated_card
from inkport.core.hub.manners import bars_for_a_viewer, hub_errors
from inkport.core.hub.model import allowed_files
from inkport.core.hub.reference import HubReference, Kind
from inkport.core.hub.repository import Repository, open_repository


def push_artifact(artifact: Artifact, reference: HubReference, *, private: bool = False) -> str:
    """Put an artifact, its sidecar and a card into a repository, in one commit; what else is there stays.

    Args:
        artifact: What is sent.
        reference: Where to: the repository, which is made if it is not there, its branch, and a folder in it.
        private: Whether a repository that is made is to be private.

    Returns:
        The commit's address.

    Raises:
        UsageError: If the reference is no model's, or the repository is there and not as private as wanted.
        ArtifactError: If the artifact is of a format that is not shared.
        HubError: If the hub refuses.
        HubUnavailableError: If the hub cannot be reached, or does not let us write.
        RuntimeUnavailableError: If huggingface_hub is not installed.
    """
    if reference.kind is not Kind.MODEL:
        raise UsageError(f"{reference} holds line sets, not a model", remedy="name a repository as hf://user/model")
    names = allowed_files(artifact.format, sorted(artifact.files), where=str(artifact.path))
    with needing("inkport push", extra="hub"):
        from huggingface_hub import CommitOperationAdd, HfApi
    card = _card(artifact, reference, _prepared(reference, private=private))
    contents = {CARD: card.encode(), **{name: artifact.path / name for name in (*names, SIDECAR)}}
    with hub_errors(reference), bars_for_a_viewer():
        done = HfApi().create_commit(
            reference.repo,
            [
                CommitOperationAdd(path_in_repo=reference.within(name), path_or_fileobj=content)
                for name, content in contents.items()
            ],
            commit_message=f"{artifact.spec.name} {artifact.spec.version}, {artifact.format} {artifact.precision}",
            revision=reference.revision,
        )
    return str(done.commit_url)


def _prepared(reference: HubReference, *, private: bool) -> Repository:
    """Return the repository, made if it is not there."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError

    with hub_errors(reference):
        try:
            is_private = bool(HfApi().repo_info(reference.repo, repo_type=reference.kind.value).private)
        except RepositoryNotFoundError:
            HfApi().create_repo(reference.repo, private=private or None, repo_type=reference.kind.value)
            is_private = private
    if private and not is_private:
        raise UsageError(
            f"{reference.repository} is there and public", remedy="leave out --private, or change it in its settings"
        )
    return open_repository(reference)


def _card(artifact: Artifact, reference: HubReference, repository: Repository) -> str:
    name = reference.within(CARD)
    if name not in repository.files:
        return new_card(artifact, reference)
    return updated_card(read_card(repository.fetch([name]) / name), artifact)
