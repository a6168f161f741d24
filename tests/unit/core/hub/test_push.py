"""Publishing: what is sent, what the card says, and what stays as it was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inkport.cli import app
from inkport.commands._model import resolve_model
from inkport.core.artifact import SIDECAR
from inkport.core.errors import ArtifactCorruptError, HubError, HubUnavailableError, UsageError
from inkport.core.files import sha256_file
from inkport.core.hub.card import BEGIN, END, card_block, digest_in, new_card, updated_card
from inkport.core.hub.push import push_artifact
from inkport.core.hub.reference import parse_reference


# huggingface_hub itself hands its HTTP library what that calls outdated, where it sends large files without Xet.
pytestmark = pytest.mark.filterwarnings("ignore:Use .content=:DeprecationWarning")

NAME = "hf://ada/lines"


def push(*arguments):
    return app(["push", *arguments], result_action="return_value")


def test_what_is_pushed_is_the_artifact_with_a_card_and_reads_back(hub, shipped, capsys):
    push(str(shipped.path), NAME)
    sent = hub.repositories["models/ada/lines"].files
    assert sorted(sent) == ["README.md", "model.onnx", SIDECAR]
    assert sent["model.onnx"] == (shipped.path / "model.onnx").read_bytes()
    assert resolve_model(NAME).digest == shipped.digest
    shown = capsys.readouterr()
    assert shown.out == f"{hub.url}/ada/lines/commit/{hub.repositories['models/ada/lines'].sha}\n"
    assert "licence: Apache-2.0" in shown.err
    assert "%|" not in shown.err, "nobody watches a bar"


def test_the_card_has_terms_credits_and_digests(shipped):
    yaml = pytest.importorskip("yaml")
    card = new_card(shipped, parse_reference(NAME))
    _, head, body = card.split("---\n", 2)
    told = yaml.safe_load(head)
    assert told["license"] == "other", "its licence is a sentence"
    assert told["library_name"] == "inkport"
    licensed = replace(shipped, provenance=replace(shipped.provenance, licence="CC-BY-4.0"))
    assert yaml.safe_load(new_card(licensed, parse_reference(NAME)).split("---\n")[1])["license"] == "cc-by-4.0"
    assert shipped.provenance.licence in body
    assert "Peraire Ground Truth" in body
    digests = (shipped.digest, shipped.root, *shipped.files.values(), sha256_file(shipped.path / SIDECAR))
    assert all(f"`{digest}`" in body for digest in digests)
    assert digest_in(card) == shipped.digest
    assert f"inkport read line.png --model {NAME}" in card


def test_a_text_cannot_break_the_card(shipped):
    evil = replace(shipped, provenance=replace(shipped.provenance, attribution=f"A | B\n{END}\n# <b>"))
    block = card_block(evil)
    assert block.count("\n# ") == 0
    assert block.endswith(END)
    assert block.count(END) == 1
    assert r"A \| B" in block


def test_pushing_again_keeps_what_the_owner_wrote(hub, shipped):
    own = "---\nlicense: mit\n---\nMy words.\n"
    repository = hub.put("models/ada/lines", {"README.md": own.encode(), "paper.pdf": b"%PDF"})
    push(str(shipped.path), NAME)
    once = repository.files["README.md"].decode()
    assert once.startswith(own)
    assert digest_in(once) == shipped.digest
    repository.files["README.md"] = once.replace(BEGIN, f"Before.\n{BEGIN}").encode() + b"After.\n"
    push(str(shipped.path), NAME)
    twice = repository.files["README.md"].decode()
    assert twice.count(BEGIN) == 1
    assert "Before." in twice
    assert twice.endswith("After.\n")
    assert repository.files["paper.pdf"] == b"%PDF"


def test_a_block_whose_end_was_deleted_is_not_taken_for_the_new_one(shipped):
    torn = card_block(shipped).replace(END, "").replace(shipped.digest, "0" * 64)
    assert digest_in(updated_card(torn, shipped)) == shipped.digest


def test_a_card_keeps_its_text_whatever_it_is(shipped):
    strange = "a \\1 \\g<0> \\n | text"
    assert updated_card(f"{strange}\n{BEGIN}\nold\n{END}\n{strange}", shipped).count(strange) == 2


def test_a_folder_of_the_repository_gets_an_artifact_of_its_own(hub, shipped):
    hub.put("models/ada/lines", {})
    push(str(shipped.path), f"{NAME}/int8")
    assert sorted(hub.repositories["models/ada/lines"].files) == [
        "int8/README.md",
        "int8/model.onnx",
        f"int8/{SIDECAR}",
    ]
    assert resolve_model(f"{NAME}/int8").digest == shipped.digest


def test_a_private_repository_is_made_private_and_a_public_one_is_not_taken_for_it(hub, shipped):
    push(str(shipped.path), NAME, "--private")
    assert hub.repositories["models/ada/lines"].private
    hub.put("models/ada/open", {})
    with pytest.raises(UsageError, match="there and public"):
        push(str(shipped.path), "hf://ada/open", "--private")
    assert hub.repositories["models/ada/open"].files == {}


@pytest.mark.parametrize(
    ("to", "error", "said"),
    [
        ("hf://datasets/ada/set", UsageError, "line sets, not a model"),
        ("somewhere/else", UsageError, "names nothing on the hub"),
        (f"{NAME}@v9", HubError, "no revision 'v9'"),
    ],
)
def test_what_cannot_be_pushed_to_is_refused_and_nothing_is_sent(hub, shipped, to, error, said):
    hub.put("models/ada/lines", {})
    with pytest.raises(error, match=said):
        push(str(shipped.path), to)
    assert not [path for method, path in hub.asked if method in ("POST", "PUT")]


def test_an_artifact_of_a_format_that_is_not_shared_is_not_sent(hub, shipped):
    for made in (replace(shipped, format="tensorrt"), replace(shipped, files={"weights.pt": "0" * 64})):
        with pytest.raises(ArtifactCorruptError):
            push_artifact(made, parse_reference(NAME))
    assert hub.asked == []


def test_who_may_not_write_is_told_to_log_in(hub, shipped):
    hub.put("models/ada/lines", {}).gated = False
    hub.status = 403
    with pytest.raises(HubUnavailableError, match="does not allow") as caught:
        push(str(shipped.path), NAME)
    assert "hf auth login" in caught.value.remedy
