"""The user's key for VMs: the one that gcloud made, if there is one, else one of our own, made here."""

from __future__ import annotations

import os
from pathlib import Path

from core.environment.files import write_atomically
from core.errors import UsageError

GCLOUDS, OWN = "google_compute_engine", "mlops-env"


def ready(folder: Path) -> Path:
    """The private key to use; made without a passphrase where neither gcloud's nor our own is there."""
    private = chosen(folder)
    return private if _whole(private) else _made(private)


def chosen(folder: Path) -> Path:
    """The private key to use, which may not be there yet."""
    return next((folder / name for name in (OWN, GCLOUDS) if _whole(folder / name)), folder / OWN)


def public(private: Path) -> str:
    """The public half of a key, as OS Login takes it; raises `UsageError` where it is not beside the private one."""
    try:
        text = _public(private).read_text(encoding="utf-8", errors="replace").strip()
    except OSError as error:
        raise UsageError(
            f"There is no public key {_public(private)}.",
            code="no-public-key",
            hint=f"Make it: ssh-keygen -y -f {private} > {_public(private)}",
        ) from error
    if len(text.split()) < 2 or "PRIVATE" in text:
        raise UsageError(f"{_public(private)} is no public key.", code="no-public-key")
    return text


def _made(private: Path) -> Path:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    openssh = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    line = key.public_key().public_bytes(*openssh).decode() + f" {os.uname().nodename}-mlops-env\n"
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    private.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(private, secret)
    write_atomically(_public(private), line, mode=0o644)
    return private


def _whole(private: Path) -> bool:
    return private.exists() and _public(private).exists()


def _public(private: Path) -> Path:
    return private.with_name(f"{private.name}.pub")
