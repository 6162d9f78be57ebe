"""What an installation makes by calls of Google's APIs, without Terraform, as its plan shows it.

Each line stands for what a step reports of itself: the state bucket and the password's secret before Terraform's turn, the
image, what a notebook VM runs at its next boot, and the database's user, whose plugin MySQL is told. What can't be looked at
is taken for missing.
"""

from __future__ import annotations

from core.errors import StepError
from core.gcp import secret_manager
from core.install import image, notebook_script
from core.install.database_user import ANY_HOST
from core.install.installation import Installation
from core.run.together import together

Made = list[dict[str, str]]


async def preview(installation: Installation, *, state_bucket: str) -> Made:
    """Everything that would be made or changed: ``kind``, ``name`` and ``action``, as the run's events have them."""
    parts = [
        _state(installation, state_bucket),
        _password(installation),
        _image(installation),
        _script(installation),
        _user(installation),
    ]
    return [item for part in await together(parts) for item in part]


async def _state(installation: Installation, bucket: str) -> Made:
    if installation.values["state"] != "gcs" or bucket:
        return []
    name = installation.names.state_bucket
    return [_line("storage.buckets", name, "create"), _line("storage.buckets.iam", name, "update")]


async def _password(installation: Installation) -> Made:
    secret = installation.names.sql_password_secret
    try:
        there = await secret_manager.newest(installation.google, secret) is not None
    except StepError:
        there = False
    return [] if there else [_line("secrets", secret, "create")]


async def _image(installation: Installation) -> Made:
    if not image.wanted(installation):
        return []
    template = str(installation.values["image"])
    try:
        there = await image.found(installation, template) is not None
    except StepError:
        there = False
    return [] if there else [_line("images", template, "create")]


async def _script(installation: Installation) -> Made:
    """The script; it names the image by its digest, so an image that is yet to be built changes it."""
    if installation.values["notebook"] != "vm":
        return []
    try:
        found = await image.found(installation, str(installation.values["image"]))
        reference = found["reference"] if found else ""
        _, action = await notebook_script.change(installation, reference, await installation.google.account())
    except StepError:
        action = "create"
    return [_line("storage.objects", notebook_script.address(installation.names), action)] if action else []


async def _user(installation: Installation) -> Made:
    """The user, with the plugin that ML Metadata needs. Google's own ``root`` goes as Terraform makes the instance."""
    user, names = str(installation.values["sql_username"]), installation.names
    try:
        answer = await installation.google.call(
            "sqladmin", "v1", "users.list", project=names.project, instance=names.sql_instance
        )
        held = {item["name"] for item in answer.get("items") or [] if item.get("host") == ANY_HOST}
    except StepError:
        held = set()
    if user in held:
        return []
    return [_line("sql.users", f"{user}@{ANY_HOST}", "create"), _line("mysql.user", f"{user}@{ANY_HOST}", "update")]


def _line(kind: str, name: str, action: str) -> dict[str, str]:
    return {"kind": kind, "name": name, "action": action}
