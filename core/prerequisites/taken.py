"""Whether what is to be made can have its name: nothing of somebody else's stands there, and nothing that is gone holds it.

Names of buckets are shared with the whole world, all others with the project. What carries the environment's own id is no
hindrance: an installation takes it up. A Cloud SQL instance's name stays reserved for a week after it was deleted, which
nothing shows but the operation that deleted it.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from core.gcp import Google
from core.gcp.errors import ApiError, PermissionDenied, ServiceDisabled
from core.names import ID_LABEL, Names
from core.prerequisites import existing
from core.prerequisites.check import Check, Subject
from core.prerequisites.existing import Expected
from core.run.together import together

NAMES = "The names are free, or the environment's own"
RESERVED = "name.sql-reserved"
"""The id of the check that says that a Cloud SQL instance's name is still reserved: the next one is taken then."""
WEEK = datetime.timedelta(days=7)
PARTS = frozenset({"NAT", "peering", "node pool"})
"""What has no name of its own to be taken: it is part of something that has."""
BY_HAND = {
    "service account": "gcloud iam service-accounts describe {email}",
    "network": "gcloud compute networks describe {name}",
    "subnetwork": "gcloud compute networks subnets describe {name} --region={region}",
    "router": "gcloud compute routers describe {name} --region={region}",
    "firewall rule": "gcloud compute firewall-rules describe {name}",
    "address range": "gcloud compute addresses describe {name} --global",
    "cluster": "gcloud container clusters describe {name} --zone={zone}",
    "Cloud SQL instance": "gcloud sql instances describe {name}",
    "bucket": "gcloud storage buckets describe gs://{name}",
    "repository": "gcloud artifacts repositories describe {name} --location={region}",
    "secret": "gcloud secrets describe {name}",
    "notebook": "gcloud workbench instances describe {name} --location={zone}",
}


async def check(subject: Subject) -> list[Check]:
    """One check for each name that is taken, one for what can't be looked at, else one that passes."""
    google, names = subject.google, subject.places
    if not google.project or names is None or subject.standing:
        return []
    wanted = [*_platform(names), *_beside(names, subject.values)]
    *looked, reserved = await together([*(_look(google, names, item) for item in wanted), _reserved(google, names)])
    found = [c for each in (*looked, reserved) if isinstance(each, list) for c in each]
    shut = sorted({each for each in looked if isinstance(each, str)})
    if shut:
        found.append(Check("names", NAMES, "skip", google.project, "; ".join(shut), "Looked at once that is mended."))
    own = sum(each is True for each in looked)
    seen = f"{len(wanted)} names" + (f", {own} of them the environment's own already" if own else "")
    return found or [Check("names", NAMES, "pass", seen)]


def _platform(names: Names) -> list[Expected]:
    return [item for item in existing.expected(names).values() if item.what not in PARTS]


def _beside(names: Names, values: Mapping[str, Any]) -> list[Expected]:
    """What is made by no plan of the platform's."""
    owned = existing.owned_by(names)
    secret = f"projects/{names.project}/secrets/{names.sql_password_secret}"
    found = [Expected("", "secret", names.sql_password_secret, "", ("secretmanager", "v1", "projects.secrets.get"),
                      {"name": secret}, owned)]  # fmt: skip
    if values["state"] == "gcs":
        found.append(Expected("", "bucket", names.state_bucket, "", ("storage", "v1", "buckets.get"),
                              {"bucket": names.state_bucket}, owned))  # fmt: skip
    return [*found, *(existing.of_notebook(names) if values["notebook"] != "none" else [])]


async def _look(google: Google, names: Names, item: Expected) -> list[Check] | bool | str:
    """Whether a name is the environment's own already; a check where it is a stranger's, a reason where none can tell."""
    try:
        found = await existing.get(google, item)
    except ServiceDisabled as error:
        return f"{error.service} is off"
    except PermissionDenied as error:
        return f"this account may not look ({error.permission or item.call[0]})"
    except ApiError as error:
        return error.message.rstrip(".")
    if found is None or item.owned(found):
        return found is not None
    why = f"there is a {item.what} named {item.name} that is not this environment's"
    hint = "Remove or rename it if it is yours, or install under another name_prefix."
    seen = f"{item.what} {item.name}, without the mark {ID_LABEL}={names.id}"
    command = BY_HAND[item.what].format(
        name=item.name, email=names.account_email(item.name), region=names.region, zone=names.zone
    )
    project = "" if item.what == "bucket" else f" --project={names.project}"
    return [Check(f"name.{item.what.lower().replace(' ', '-')}", NAMES, "block", seen, why, hint, command + project)]


async def _reserved(google: Google, names: Names) -> list[Check]:
    """Whether the name that the database is to have was given back less than a week ago."""
    try:
        last = await _deletion(google, names.sql_instance)
    except ApiError:
        return []
    if last is None or await _is_there(google, names):
        return []
    until = last + WEEK
    why = f"the name {names.sql_instance} stays reserved until {until:%Y-%m-%d %H:%M} UTC, a week after its deletion"
    hint = "The installation takes the next one by itself."
    return [Check(RESERVED, NAMES, "warn", names.sql_instance, why, hint)]


async def _deletion(google: Google, instance: str) -> datetime.datetime | None:
    """When an instance was deleted last, if that was within a week of the project's newest operation; they come first."""
    newest: datetime.datetime | None = None
    listed = google.list("sqladmin", "v1", "operations.list", items="items", project=google.project, maxResults=100)
    async for operation in listed:
        ended, began = _time(operation.get("endTime")), _time(operation.get("insertTime"))
        if ended and _deleted(operation, instance):
            return ended
        newest = newest or began
        if newest and began and newest - began > WEEK:
            break
    return None


async def _is_there(google: Google, names: Names) -> bool:
    try:
        await google.call("sqladmin", "v1", "instances.get", project=google.project, instance=names.sql_instance)
    except ApiError:
        return False
    return True


def _deleted(operation: Mapping[str, Any], instance: str) -> bool:
    return operation.get("operationType") == "DELETE" and operation.get("targetId") == instance


def _time(text: str | None) -> datetime.datetime | None:
    try:
        return datetime.datetime.fromisoformat(str(text).replace("Z", "+00:00")) if text else None
    except ValueError:
        return None
