"""Damage to kits and their results, with digests that are right again, so that it reaches what comes after them."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile

from campaign.containers import damage_member, pack
from campaign.damage import Rng, pick
from campaign.trees import damage_json


DOCUMENTS = ("kit.json", "result.json")


def damage_kit(data: bytes, rng: Rng) -> bytes:
    """Change the document of a kit or of a result, or a member; a changed member's digest is brought up to date."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    document = next(name for name in DOCUMENTS if name in members)
    name = document if rng.random() < 0.5 else pick(rng, sorted(members))
    if name == document:
        members[name] = damage_json(members[name], rng)
    else:
        members[name] = damage_member(name, members[name], rng)
        listed = json.loads(members[document])
        if name in listed["files"]:
            content = members[name]
            listed["files"][name] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        members[document] = json.dumps(listed).encode()
    return pack(list(members.items()))
