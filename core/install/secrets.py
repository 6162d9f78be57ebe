"""The step ``secrets``: the Secrets that Kubeflow's pods read. Their values are in memory and in the cluster alone.

``mysql-secret`` follows the password in Secret Manager. The object store's credentials are made up once and kept
(letters and digits alone: its configuration goes through a shell unquoted), each key by itself, so that one which a later
version needs is added without changing the others. ``user-gcp-sa``, if asked for, holds a key of the pipelines' account.
"""

from __future__ import annotations

import base64
import secrets
import string
from collections.abc import Mapping

from core.errors import PermanentError
from core.install.connection import connect
from core.install.installation import Installation
from core.kubernetes.client import Cluster
from core.kubernetes.resources import Object
from core.run.step import Context, Outcome, Step

DATABASE, OBJECT_STORE, USER_KEY = "mysql-secret", "mlpipeline-minio-artifact", "user-gcp-sa"
OBJECT_STORE_KEYS = {"accesskey": 20, "secretkey": 40, "signingkey": 40}
"""The object store's keys, and how long each is; the UI signs with the third."""
USER_KEY_FILES = ("application_default_credentials.json", "user-gcp-sa.json")
"""The names under which pipelines look for the key."""
_LETTERS = string.ascii_letters + string.digits
_ORPHAN = "user-gcp-sa-key"


def step(installation: Installation) -> Step:
    """The step that makes the pods' Secrets; it publishes ``secrets``."""

    async def run(context: Context) -> Outcome | None:
        async with connect(installation, context.fact("cluster_endpoint")) as cluster:
            await _database(installation, cluster, context)
            await _object_store(installation, cluster, context)
            if installation.values["user_gcp_sa"]:
                await _user_key(installation, cluster, context)
        context.publish("secrets", True)
        return None

    needs: tuple[str, ...] = ("cluster_endpoint", "namespace", "sql_password_version")
    if installation.values["user_gcp_sa"]:
        needs += ("pipelines_account",)
    return Step("secrets", "Secrets of the pods", run, needs=needs, publishes=("secrets",), seconds=3, deadline=600)


def wanted(installation: Installation) -> list[Object]:
    """The Secrets that the environment has, without what they hold."""
    names = [DATABASE, OBJECT_STORE, *([USER_KEY] if installation.values["user_gcp_sa"] else [])]
    return [_secret(installation, name, {}) for name in names]


async def kept(installation: Installation, cluster: Cluster) -> dict[str, str]:
    """What the step would do to each of them by name: ``create``, ``apply`` or ``none``; a password is not looked at."""
    keys = {DATABASE: ("username", "password"), OBJECT_STORE: tuple(OBJECT_STORE_KEYS), USER_KEY: USER_KEY_FILES}
    found: dict[str, str] = {}
    for obj in wanted(installation):
        name = obj["metadata"]["name"]
        held = await _read(installation, cluster, name)
        found[name] = "none" if all(held.get(key) for key in keys[name]) else "apply" if held else "create"
    return found


async def sql_password(installation: Installation, version: str) -> str:
    """The SQL password, from the version in Secret Manager that the fact names; hidden from every sink from then on."""
    from core.gcp import secret_manager

    password = await secret_manager.access(installation.google, version)
    installation.redactor.add(password)
    return password


async def _database(installation: Installation, cluster: Cluster, context: Context) -> None:
    password = await sql_password(installation, context.fact("sql_password_version"))
    wanted = {"username": installation.values["sql_username"], "password": password}
    await _put(installation, cluster, context, DATABASE, wanted)


async def _object_store(installation: Installation, cluster: Cluster, context: Context) -> None:
    kept = await _read(installation, cluster, OBJECT_STORE)
    made = {key: _made_up(length) for key, length in OBJECT_STORE_KEYS.items() if not kept.get(key)}
    for secret in (*kept.values(), *made.values()):
        installation.redactor.add(secret)
    await _put(
        installation, cluster, context, OBJECT_STORE, {**{k: kept[k] for k in OBJECT_STORE_KEYS if k in kept}, **made}
    )


async def _user_key(installation: Installation, cluster: Cluster, context: Context) -> None:
    """A key of the pipelines' account, unless there is one: it can't be read again, so it is not made anew."""
    kept = await _read(installation, cluster, USER_KEY)
    missing = [name for name in USER_KEY_FILES if not kept.get(name)]
    if not missing:
        return
    account = f"projects/-/serviceAccounts/{context.fact('pipelines_account')}"
    await _forget_orphans(installation, context, account)
    context.operation_started(_ORPHAN, ",".join(await _keys(installation, account)) or "none")
    answer = await installation.google.call(  # once: what a lost answer leaves behind is an orphan, too, at the next try
        "iam", "v1", "projects.serviceAccounts.keys.create", name=account, body={}, tries=1
    )
    document = base64.b64decode(answer["privateKeyData"]).decode()
    _hide(installation, document)
    await _put(installation, cluster, context, USER_KEY, dict.fromkeys(USER_KEY_FILES, document))
    pending = context.pending_operation(_ORPHAN)
    if pending:
        context.operation_finished(_ORPHAN, pending)


async def _forget_orphans(installation: Installation, context: Context, account: str) -> None:
    """Deletes a key that an interrupted try made and could not store: its private half is lost."""
    pending = context.pending_operation(_ORPHAN)
    if pending is None:
        return
    before = set(pending.split(","))
    for name in await _keys(installation, account):
        if name.rpartition("/")[2] not in before and name not in before:
            await installation.google.call("iam", "v1", "projects.serviceAccounts.keys.delete", name=name)
            context.log(f"Deleted the key {name.rpartition('/')[2]}, which an interrupted run made and could not store.")
    context.operation_finished(_ORPHAN, pending)


async def _keys(installation: Installation, account: str) -> list[str]:
    answer = await installation.google.call(
        "iam", "v1", "projects.serviceAccounts.keys.list", name=account, keyTypes="USER_MANAGED"
    )
    return [key["name"] for key in answer.get("keys") or []]


def _hide(installation: Installation, document: str) -> None:
    import json

    installation.redactor.add(document)
    private = str(json.loads(document).get("private_key", ""))
    installation.redactor.add(private)
    for line in private.splitlines():
        if line and not line.startswith("-----"):
            installation.redactor.add(line)


async def _read(installation: Installation, cluster: Cluster, name: str) -> dict[str, str]:
    found = await cluster.find("v1", "Secret", name, installation.names.namespace)
    return {k: base64.b64decode(v).decode() for k, v in ((found or {}).get("data") or {}).items()}


async def _put(installation: Installation, cluster: Cluster, context: Context, name: str, values: Mapping[str, str]) -> None:
    """Makes the Secret hold these values; nothing is written where it does already."""
    kept = await _read(installation, cluster, name)
    if all(kept.get(key) == value for key, value in values.items()):
        return
    await cluster.apply(_secret(installation, name, values))
    if await _read(installation, cluster, name) != {**kept, **values}:
        raise PermanentError(f"The Secret {name} does not hold what was put into it.", code="secret-not-kept")
    context.changed()
    context.resource("Secret", f"{installation.names.namespace}/{name}", "update" if kept else "create", "done")


def _secret(installation: Installation, name: str, values: Mapping[str, str]) -> Object:
    metadata = {"name": name, "namespace": installation.names.namespace, "labels": installation.names.labels}
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": metadata, "data": data}


def _made_up(length: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(length))
