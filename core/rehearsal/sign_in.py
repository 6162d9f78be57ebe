"""The simulated sign-in: a credentials file, the token endpoint it points to, and a token file for gcloud.

The credentials are a key of a service account's form, since Google's libraries take one without a browser and say by
themselves where to get tokens; the tokens belong to the user who is signed in. Keys that the IAM API hands out work here
too, each for its own account.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import urllib.parse
from pathlib import Path
from typing import Any

from aiohttp import web

from core.rehearsal import trust
from core.rehearsal.folder import write_private
from core.rehearsal.google.app import WORLD, drop
from core.rehearsal.identity import USER
from core.rehearsal.world import World

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
GCLOUD_SECONDS = 3600.0
"""Real seconds that the token in gcloud's file lives."""

_KEYS = "sign-in.keys"
_ENDED = {
    "error": "invalid_grant",
    "error_description": "reauth related error (invalid_rapt)",
    "error_subtype": "invalid_rapt",
}


def credentials_file(world: World, root: str) -> Path:
    """Writes the sign-in's credentials for a process that answers at ``root``; its key is made once."""
    path = world.folder / "credentials.json"
    kept = world.store.get(_KEYS, "user")
    if kept is None:
        private, public = trust.new_key()
        id = hashlib.sha1(public.encode(), usedforsecurity=False).hexdigest()
        kept = world.store.put(_KEYS, "user", {"private": private, "public": public, "id": id})
    document = {
        "type": "service_account", "project_id": world.project, "private_key_id": kept["id"], "private_key": kept["private"],
        "client_email": USER, "client_id": "100000000000000000001", "token_uri": f"{root}/token",
        "quota_project_id": world.project, "universe_domain": "googleapis.com",
    }  # fmt: skip
    write_private(path, json.dumps(document, indent=1).encode())
    return path


def token_file(world: World) -> Path:
    """The file that holds a token for gcloud."""
    return world.folder / "access-token"


async def keep_token(world: World) -> None:
    """Writes a new token before the one in the file runs out, until cancelled or the sign-in ends.

    It lives by the real clock: gcloud reads the file once in a command, and knows nothing of simulated time.
    """
    path = token_file(world)
    rate = world.clock.speed or 1.0
    while not ended(world):
        world.identity.forget_old()
        minted, seconds = world.identity.mint(USER, seconds=GCLOUD_SECONDS * rate)
        write_private(path, minted.encode())
        await asyncio.sleep(seconds / rate / 2)


async def token(request: web.Request) -> web.StreamResponse:
    """Exchanges a signed assertion for a token, as ``oauth2.googleapis.com/token`` does."""
    world = request.app[WORLD]
    form = dict(urllib.parse.parse_qsl((await request.read()).decode("latin-1")))
    fault = world.faults.take("token", "before")
    if fault is not None:
        if fault.error:
            if fault.error == "timeout":
                await world.clock.sleep(60)
            drop(request)
            return web.Response()
        reason = fault.reason or "backendError"
        return web.json_response({"error": reason, "error_description": fault.message or reason}, status=fault.status)
    if form.get("grant_type") != GRANT:
        return web.json_response({"error": "unsupported_grant_type", "error_description": "Invalid grant_type"}, status=400)
    email = _asserted(world, form.get("assertion", ""))
    if email is None:
        return web.json_response({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, status=400)
    if email == USER and ended(world):
        return web.json_response(_ENDED, status=400)
    minted, seconds = world.identity.mint(email)
    life = int(seconds / world.clock.speed) if world.clock.speed else int(seconds)
    return web.json_response({"access_token": minted, "expires_in": max(1, life), "token_type": "Bearer"})


async def token_info(request: web.Request) -> web.StreamResponse:
    """Whose token it is, in the older form of the endpoint."""
    world = request.app[WORLD]
    form = dict(urllib.parse.parse_qsl((await request.read()).decode("latin-1")))
    given = request.query.get("access_token") or form.get("access_token", "")
    email = world.identity.who(given)
    if email is None:
        return web.json_response({"error": "invalid_token", "error_description": "Invalid Value"}, status=400)
    left = int(world.identity.expires(given) - world.clock.now())
    return web.json_response(
        {"azp": "rehearsal", "aud": "rehearsal", "scope": "https://www.googleapis.com/auth/cloud-platform", "email": email,
         "expires_in": str(left), "email_verified": "true", "access_type": "offline"}
    )  # fmt: skip


def signed_in(world: World) -> None:
    """Notes that the user is signed in from now on: starting the rehearsal is signing in."""
    world.store.put("sign-in", USER, {"since": world.clock.now()})


def ended(world: World) -> bool:
    """Whether the scenario lets the sign-in itself have ended by now."""
    after = world.scenario.sign_in.ends_after
    kept = world.store.get("sign-in", USER)
    return bool(after and kept and world.clock.now() >= float(kept["since"]) + after)


def _asserted(world: World, assertion: str) -> str | None:
    """The account that an assertion is of, if a key that is known signed it."""
    parts = assertion.split(".")
    if len(parts) != 3:
        return None
    try:
        header, claims = json.loads(_decoded(parts[0])), json.loads(_decoded(parts[1]))
        signature = _decoded(parts[2])
    except ValueError:
        return None
    email = str(claims.get("iss", ""))
    public = _public(world, email, header)
    message = f"{parts[0]}.{parts[1]}".encode()
    return email if public and trust.signed(public, message, signature) else None


def _public(world: World, email: str, header: dict[str, Any]) -> str | None:
    if email == USER:
        return str((world.store.get(_KEYS, "user") or {}).get("public", "")) or None
    found = world.store.get("iam.serviceAccountKeys", f"{email}/{header.get('kid', '')}")
    return str(found["public"]) if found else None


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
