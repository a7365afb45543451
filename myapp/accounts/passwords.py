"""Passwords: Argon2id off the event loop, a few at a time (each takes 64 MiB and a tenth of a second)."""

import asyncio

from pwdlib import PasswordHash

_AT_ONCE = 2

_hasher = PasswordHash.recommended()
_gate = asyncio.Semaphore(_AT_ONCE)
_decoy: str | None = None


async def hash_password(password: str) -> str:
    """Return the Argon2id hash of a password."""
    async with _gate:
        return await asyncio.to_thread(_hasher.hash, password)


async def verify_password(password: str, password_hash: str | None) -> bool:
    """Whether the password matches; for None the same work is done, so that time tells nothing."""
    global _decoy  # noqa: PLW0603 (computed once, on first need: it costs 100 ms)
    if password_hash is None:
        if _decoy is None:
            _decoy = await hash_password("nobody has this password")
        password_hash, known = _decoy, False
    else:
        known = True
    async with _gate:
        matches = await asyncio.to_thread(_hasher.verify, password, password_hash)
    return matches and known
