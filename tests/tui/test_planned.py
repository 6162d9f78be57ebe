"""A preview as the tree of the review: what a line does not say by its name stands behind it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tui import planned
from tui.widgets.tree import Node

PLAN: dict[str, Any] = {
    "services": [], "roles": [], "kubernetes": [], "files": [], "direct": [],
    "cost": {"lines": [], "unknown": [], "date": "2026-01-01", "currency": "USD", "monthly": {"low": 1, "high": 2}},
}  # fmt: skip


def _labels(nodes: list[Node]) -> Iterator[str]:
    for node in nodes:
        yield node.label
        yield from _labels(node.below)


def test_what_a_notebook_is_stopped_for_is_said_before_it_is_done() -> None:
    resource = {
        "address": "google_workbench_instance.this", "type": "google_workbench_instance", "action": "update",
        "step": "notebook", "fields": ["gce_setup"], "note": "stopped for a moment: machine type a → b",
    }  # fmt: skip
    plan = {**PLAN, "terraform": {"resources": [resource, {**resource, "note": ""}]}}
    labels = list(_labels(planned.tree(plan, namespace="kubeflow")))
    assert "google_workbench_instance.this (gce_setup, stopped for a moment: machine type a → b)" in labels
    assert "google_workbench_instance.this (gce_setup)" in labels
