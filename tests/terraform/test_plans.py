"""What a plan says, and what it must not do."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import PermanentError
from core.terraform import Change, Plan
from core.terraform.plans import DATA_HOLDERS


def change(action: str, type: str = "google_compute_network", **more: Any) -> Change:
    resource = {"addr": f"module.x.{type}.this", "resource_type": type, "resource_name": "this"}
    return Change.of({"resource": resource, "action": action, **more})


def test_a_plan_counts_as_terraform_does() -> None:
    plan = Plan((change("create"), change("update"), change("delete"), change("replace", reason="cannot_update")))
    shown = plan.to_dict()
    assert (shown["add"], shown["change"], shown["destroy"], shown["import"]) == (2, 1, 2, 0)
    assert shown["resources"][0] == {
        "address": "module.x.google_compute_network.this",
        "type": "google_compute_network",
        "action": "create",
        "name": "this",
        "fields": [],
    }


def test_an_import_alone_is_no_update() -> None:
    found = change("noop", importing={"id": "projects/p/global/networks/n"})
    assert found.action == "import"
    assert Plan((found,)).to_dict()["import"] == 1


def test_an_import_that_changes_something_is_both() -> None:
    found = change("update", importing={"id": "x"})
    assert (found.action, found.import_id) == ("update", "x")


@pytest.mark.parametrize("type", DATA_HOLDERS)
@pytest.mark.parametrize("action", ["delete", "replace"])
def test_nothing_that_holds_data_is_taken_away(type: str, action: str) -> None:
    with pytest.raises(PermanentError) as caught:
        Plan((change("create"), change(action, type))).refuse_loss()
    assert type in caught.value.message
    assert caught.value.code == "data-loss"


def test_what_holds_none_may_be_replaced() -> None:
    Plan((change("replace", "google_container_node_pool"), change("update", "google_sql_database_instance"))).refuse_loss()


def test_nothing_to_do_is_false() -> None:
    assert not Plan()
    assert Plan(outputs=True)
    assert Plan((change("update"),))
