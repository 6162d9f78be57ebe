"""What Terraform would change, and which changes are never made outside a destroy."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from core.errors import PermanentError

DATA_HOLDERS: Mapping[str, str] = {
    "google_sql_database_instance": "the database",
    "google_storage_bucket": "a bucket",
    "google_container_cluster": "the cluster, whose volumes hold pipelines' definitions",
    "google_artifact_registry_repository": "the image repository",
    "google_workbench_instance": "the notebook, whose disks hold its users' work",
}
"""Types that hold what can't be made again."""


@dataclass(frozen=True, slots=True)
class Change:
    """One planned change; ``action`` is ``create|update|delete|replace|import|move|remove``, ``reason`` why it replaces.

    ``fields`` are the arguments that an update changes, where they were asked for: Terraform's own account of a plan, which
    is quick, leaves them out.
    """

    address: str
    type: str
    name: str
    action: str
    reason: str = ""
    import_id: str = ""
    fields: tuple[str, ...] = ()

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Change:
        """The change of a ``planned_change`` event."""
        resource = data["resource"]
        importing = data.get("importing") or {}
        return cls(
            address=resource["addr"],
            type=resource["resource_type"],
            name=resource["resource_name"],
            action="import" if importing and data["action"] in ("noop", "no-op") else data["action"],
            reason=data.get("reason", ""),
            import_id=str(importing.get("id", "")),
        )

    @property
    def loses_data(self) -> bool:
        """Whether it takes away something that holds data."""
        return self.action in ("delete", "replace") and self.type in DATA_HOLDERS


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that would change; ``outputs`` says whether only outputs would."""

    changes: tuple[Change, ...] = ()
    outputs: bool = False

    def __bool__(self) -> bool:
        return bool(self.changes) or self.outputs

    def of(self, *actions: str) -> list[Change]:
        """The changes with these actions."""
        return [c for c in self.changes if c.action in actions]

    def detailed(self, shown: Mapping[str, Any]) -> Plan:
        """The same plan, with the fields that its updates change, from ``terraform show -json`` of it."""
        fields = {r["address"]: _changed(r["change"]) for r in shown.get("resource_changes", ())}
        return replace(self, changes=tuple(replace(c, fields=fields.get(c.address, ())) for c in self.changes))

    def anew(self, addresses: Collection[str]) -> Plan:
        """The same plan, but for the resources of these addresses, which are replaced."""
        named = [(address, *address.split(".")[-2:]) for address in addresses]
        replaced = [Change(address, type, name, "replace", "failed") for address, type, name in named]
        return replace(self, changes=(*(c for c in self.changes if c.address not in addresses), *replaced))

    def to_dict(self) -> dict[str, Any]:
        """The plan as ``mlops-env plan`` shows it; a replacement counts as both."""
        replaced = len(self.of("replace"))
        return {
            "add": len(self.of("create")) + replaced,
            "change": len(self.of("update")),
            "destroy": len(self.of("delete")) + replaced,
            "import": sum(1 for c in self.changes if c.import_id),
            "resources": [
                {"address": c.address, "type": c.type, "action": c.action, "name": c.name, "fields": list(c.fields)}
                for c in self.changes
            ],
        }

    def refuse_loss(self) -> None:
        """Raises `PermanentError` where the plan takes away what holds data."""
        lost = [c for c in self.changes if c.loses_data]
        if lost:
            raise PermanentError(
                f"The plan would {lost[0].action} {DATA_HOLDERS[lost[0].type]}: {lost[0].address}.",
                code="data-loss",
                cause=f"Terraform's reason: {lost[0].reason}." if lost[0].reason else "",
                hint="Data is only taken away by destroy. Set the parameter that causes this back to what it was.",
            )


def _changed(change: Mapping[str, Any]) -> tuple[str, ...]:
    """The arguments that differ, or will only be known then; nothing for what is made or taken away whole."""
    if change.get("actions") != ["update"]:
        return ()
    before, after, unknown = (change.get(key) or {} for key in ("before", "after", "after_unknown"))
    return tuple(sorted(k for k in {*before, *after, *unknown} if before.get(k) != after.get(k) or unknown.get(k) is True))
