"""A sample: the files that a reader is handed, damaged in one of them, or in what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path, PurePosixPath

from campaign.columns import odd_parquet, repeated_parquet
from campaign.containers import (
    damage_gzip,
    damage_npy,
    damage_safetensors,
    damage_table,
    damage_xml,
    damage_zip,
)
from campaign.damage import BYTES, TEXT, Damage, Rng, apply, pick, splice
from campaign.kits import damage_kit
from campaign.pictures import ways_for
from campaign.trees import damage_json, damage_jsonl, damage_toml


class Special(StrEnum):
    """What may stand where a file is expected."""

    ABSENT = "absent"
    FOLDER = "folder"
    DANGLING = "dangling"
    LOOP = "loop"


Sample = dict[str, bytes | Special]
"""Content by path in the sample's folder, with forward slashes."""

PARQUET: tuple[Damage, ...] = (*(odd_parquet,) * 40, repeated_parquet)
FORMATS: Mapping[str, Sequence[Damage]] = {
    ".json": (damage_json,),
    ".jsonl": (damage_jsonl,),
    ".toml": (damage_toml,),
    ".tsv": (damage_table,),
    ".xml": (damage_xml,),
    ".inkml": (damage_xml,),
    ".npz": (damage_zip,),
    ".npy": (damage_npy,),
    ".zip": (damage_kit, damage_kit, damage_zip),
    ".gz": (damage_gzip,),
    ".safetensors": (damage_safetensors,),
    ".parquet": PARQUET,
}
"""Damage that knows the format, by the file's suffix; what it leaves is still a file of the format."""
TEXTS = {".json", ".jsonl", ".toml", ".tsv", ".xml", ".inkml", ".txt", ".arpa", ".uttlist", ".pem"}
PICTURES = {".png", ".jpg"}


def load_seeds(folder: Path) -> list[Sample]:
    """Return the samples of one kind, as ``campaign.seeds`` has written them."""
    return [
        {file.relative_to(one).as_posix(): file.read_bytes() for file in sorted(one.rglob("*")) if file.is_file()}
        for one in sorted(folder.iterdir())
    ]


def damage_sample(seeds: Sequence[Sample], rng: Rng) -> Sample:
    """Return one of ``seeds`` with one file damaged, and rarely with another thing in the place of a file."""
    sample = dict(pick(rng, seeds))
    name = pick(rng, sorted(sample))
    data = sample[name]
    assert isinstance(data, bytes)
    chance = rng.random()
    if chance < 0.015:
        sample[name] = pick(rng, list(Special))
    elif chance < 0.03:
        sample[name] = b""
    elif chance < 0.06:
        other = pick(rng, seeds)
        sample[name] = splice(data, other[pick(rng, sorted(other))], rng)
    else:
        sample[name] = damage_file(name, data, rng)
    return sample


def damage_file(name: str, data: bytes, rng: Rng) -> bytes:
    """Damage a file by what its name says it is: its content as often as its bytes."""
    suffix = PurePosixPath(name).suffix
    if suffix in PICTURES:
        return apply(ways_for(data), data, rng)
    known = FORMATS.get(suffix)
    if known and data and rng.random() < 0.65:
        data = pick(rng, known)(data, rng)
        return data if rng.random() < 0.9 else apply(BYTES, data, rng)
    return apply((*BYTES, *TEXT) if suffix in TEXTS else BYTES, data, rng)


def write_sample(sample: Sample, folder: Path) -> None:
    """Write a sample into an empty folder."""
    for name, content in sample.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif content is Special.FOLDER:
            path.mkdir()
        elif content is not Special.ABSENT:
            path.symlink_to(path.name if content is Special.LOOP else "nowhere")
