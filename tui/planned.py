"""A preview as a tree and as counts that add up: every line that is counted can be unfolded and read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tui.widgets.tree import Node

DOES = {"create": "make", "apply": "change", "update": "change", "delete": "delete", "replace": "replace",
        "import": "take over", "none": "leave", "no-op": "leave"}  # fmt: skip
"""What each action is called."""
MOVING = ("make", "take over", "change", "replace", "delete")
"""Those that do something."""


def does(action: str) -> str:
    """The action in a word."""
    return DOES.get(action, action)


def counts(plan: Mapping[str, Any]) -> Counter[str]:
    """How many things are made, changed and so on; services are switched on and roles granted, on their own lines."""
    found: Counter[str] = Counter(does(str(r["action"])) for r in plan["terraform"]["resources"])
    found.update(does(str(o["action"])) for o in (*plan.get("direct", ()), *plan["kubernetes"]))
    return found


def changes(plan: Mapping[str, Any]) -> bool:
    """Whether anything would be made, changed, switched on or granted."""
    found = counts(plan)
    return bool(plan["services"] or plan["roles"] or any(found[word] for word in MOVING))


def tree(plan: Mapping[str, Any], *, namespace: str) -> list[Node]:
    """Everything that will be done."""
    resources, objects, direct = plan["terraform"]["resources"], plan["kubernetes"], plan.get("direct", ())
    follows = plan.get("follows", ())
    by_type: dict[str, list[Mapping[str, Any]]] = {}
    for resource in resources:
        by_type.setdefault(str(resource["type"]), []).append(resource)
    by_kind: dict[str, list[Mapping[str, Any]]] = {}
    for object in objects:
        by_kind.setdefault(str(object["kind"]), []).append(object)
    return [
        *([Node("What follows by itself", str(len(follows)), [
            Node(f"{f['key']} = {f['value']} follows from {f['source']}: {f['why']}") for f in follows
        ], unfolded=True)] if follows else []),
        Node("APIs to switch on", str(len(plan["services"])), [Node(name) for name in plan["services"]]),
        Node("Roles to grant", str(len(plan["roles"])), _roles(plan["roles"])),
        Node("Google Cloud, by Terraform", str(len(resources)), [
            _group(kind.removeprefix("google_").replace("_", " "), [_resource(r) for r in found])
            for kind, found in sorted(by_type.items())
        ], unfolded=True),
        *([Node("Google Cloud, without Terraform", str(len(direct)), [
            Node(f"{item['kind']} {item['name']}", does(str(item["action"]))) for item in direct
        ])] if direct else []),
        Node(f"Kubernetes, namespace {namespace}", str(len(objects)), [
            _group(kind, [(str(o["label"]), str(o["action"])) for o in found]) for kind, found in sorted(by_kind.items())
        ]),
        Node("On this machine", str(len(plan["files"])), [Node(path) for path in plan["files"]]),
        _cost(plan["cost"]),
    ]  # fmt: skip


def monthly(low: float, high: float) -> str:
    """A range of money in whole units, as in ``168-481``."""
    least, most = f"{low:,.0f}", f"{high:,.0f}"
    return least if least == most else f"{least}-{most}"


def whose(source: str, date: str) -> str:
    """Where prices are from."""
    return f"Google's catalogue, {date}" if source == "catalogue" else f"this version's table, {date}"


def _cost(cost: Mapping[str, Any]) -> Node:
    lines = [
        Node(f"{line['what']}: {line['detail']}", monthly(float(line["low"]), float(line["high"]))) for line in cost["lines"]
    ]
    lines += [Node(what, "not known") for what in cost["unknown"]]
    lines.append(Node(f"by list prices of {whose(str(cost.get('source')), str(cost['date']))}, idle to used daily"))
    return Node(f"Cost a month, {cost['currency']}", monthly(cost["monthly"]["low"], cost["monthly"]["high"]), lines)


def _resource(resource: Mapping[str, Any]) -> tuple[str, str]:
    """A change with the arguments that it is about, where it is no whole resource."""
    parts = [*resource.get("fields", ()), *(["at the end"] if resource.get("step") == "protect" else [])]
    parts += [resource["note"]] if resource.get("note") else []
    more = f" ({', '.join(parts)})" if parts else ""
    return f"{resource['address']}{more}", str(resource["action"])


def _group(label: str, found: Sequence[tuple[str, str]]) -> Node:
    return Node(label, str(len(found)), [Node(name, does(action)) for name, action in found])


def _roles(roles: Sequence[Mapping[str, Any]]) -> list[Node]:
    members: dict[str, list[Mapping[str, Any]]] = {}
    for role in roles:
        members.setdefault(str(role["member"]), []).append(role)
    return [
        Node(member, str(len(held)), [Node(str(r["role"]), f"on {r['resource']}") for r in held])
        for member, held in members.items()
    ]
