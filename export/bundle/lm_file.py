"""A language model as one flat file, for readers that have no zip and no JSON (docs/embed/format.md)."""

from __future__ import annotations

import struct
from pathlib import Path

from inkport.core.artifact import Artifact
from inkport.core.lm.files import load_fusion, load_model
from inkport.export.bundle.specification import FORMAT


MAGIC = b"INKLM\r\n\x1a"
"""First bytes; a transfer that takes the file for text damages them."""
HEAD = struct.Struct("<8sIIIIddd64s")
"""Magic, format, order, nodes, beam; alpha, beta, unknown; digest of the charset in hexadecimal."""


def lm_bytes(file: Path, artifact: Artifact) -> bytes:
    """Return a language model with the weights chosen for a recogniser, as headers and modules read it.

    Args:
        file: A model of ``inkport lm build``, its weights beside it, or an ARPA file.
        artifact: The recogniser.

    Raises:
        ArtifactNotFoundError: If the model or its weights are not there.
        ArtifactCorruptError: If one of them cannot be read.
        SpecMismatchError: If they belong to another charset or recogniser.
    """
    charset = artifact.spec.charset
    trie = load_model(file, charset).trie
    fusion = load_fusion(file, charset, root=artifact.root)
    head = HEAD.pack(
        MAGIC,
        FORMAT,
        trie.order,
        trie.points.size,
        fusion.beam,
        fusion.alpha,
        fusion.beta,
        trie.unknown,
        trie.charset_sha256.encode(),
    )
    arrays = ((trie.points, "<u4"), (trie.children, "<u2"), (trie.log_prob, "<f2"), (trie.backoff, "<f2"))
    return head + b"".join(array.astype(dtype, copy=False).tobytes() for array, dtype in arrays)
