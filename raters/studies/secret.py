"""A study's secret: what all that a rater can observe, and that chance decides, is drawn from.

The source of this program is public and a study's seed is a small number, so nothing that a rater
could compute from the two may tell anything: the order of trials, sides, the places of golden and
repeated trials, the bytes of files. The seed decides which crops are judged, and no more. The
secret never leaves the database: no page, no reply and no export holds it.
"""

from __future__ import annotations

import hashlib
import hmac
import random
import secrets

SECRET_BYTES = 32


def new_secret() -> str:
    """Return 256 random bits in hexadecimal, as the database keeps them."""
    return secrets.token_hex(SECRET_BYTES)


def derived(secret: str, purpose: str, *of: int | str) -> bytes:
    """Return 32 bytes that follow from the ``secret``, a ``purpose`` and what it is done for.

    Without the secret they cannot be told from random ones, whatever others are known (HMAC with
    SHA-256 under the secret as its key). No two lists of parts are written alike.
    """
    parts = [purpose, *map(str, of)]
    message = b"".join(b"%d:%s" % (len(part.encode()), part.encode()) for part in parts)
    return hmac.digest(bytes.fromhex(secret), message, hashlib.sha256)


def drawn(secret: str, purpose: str, *of: int | str) -> random.Random:
    """Return a generator for one thing that chance decides; see `derived`."""
    return random.Random(int.from_bytes(derived(secret, purpose, *of)))


def sealed(secret: str, text: str, purpose: str, *of: int | str) -> str:
    """Return ``text`` so that it is read with the secret only, in hexadecimal; see `unsealed`.

    It is added, bit by bit, to bytes of `stream` that serve for nothing else: ``purpose`` and
    ``of`` must name this text and no other.
    """
    plain = text.encode()
    key = stream(secret, len(plain), purpose, *of)
    return bytes(a ^ b for a, b in zip(plain, key, strict=True)).hex()


def unsealed(secret: str, kept: str, purpose: str, *of: int | str) -> str:
    """Return what `sealed` was given."""
    hidden = bytes.fromhex(kept)
    key = stream(secret, len(hidden), purpose, *of)
    return bytes(a ^ b for a, b in zip(hidden, key, strict=True)).decode()


def stream(secret: str, length: int, purpose: str, *of: int | str) -> bytes:
    """Return ``length`` bytes; see `derived` (SHAKE-256 draws out its 32)."""
    return hashlib.shake_256(derived(secret, purpose, *of)).digest(length)
