"""Every name fits what Google Cloud allows, over the whole range of prefixes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.names import Names

PREFIXES = st.from_regex(r"[a-z][a-z0-9-]{1,15}", fullmatch=True)
IDS = st.from_regex(r"[a-z]{6}", fullmatch=True)
COMPUTE = r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?"
ALLOWED = {
    "network": COMPUTE, "subnetwork": COMPUTE, "pods_range": COMPUTE, "services_range": COMPUTE, "router": COMPUTE,
    "nat": COMPUTE, "sql_range": COMPUTE, "firewall_iap": COMPUTE, "firewall_dataflow": COMPUTE,
    "cluster": r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?", "node_pool": r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?",
    "registry": r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", "sql_instance": r"[a-z][-a-z0-9]{0,82}",
    "sql_password_secret": r"[a-zA-Z0-9_-]{1,255}", "artifact_bucket": r"[a-z0-9][-a-z0-9]{1,61}[a-z0-9]",
    "build_bucket": r"[a-z0-9][-a-z0-9]{1,61}[a-z0-9]", "state_bucket": r"[a-z0-9][-a-z0-9]{1,61}[a-z0-9]",
    "pipelines_account_id": r"[a-z][-a-z0-9]{4,28}[a-z0-9]", "nodes_account_id": r"[a-z][-a-z0-9]{4,28}[a-z0-9]",
    "build_account_id": r"[a-z][-a-z0-9]{4,28}[a-z0-9]", "storage_class": COMPUTE,
}  # fmt: skip


def names(prefix: str, id: str, generation: int = 1) -> Names:
    return Names(prefix, id, "a" * 30, "us-central1", "us-central1-a", "demo", sql_generation=generation)


@given(prefix=PREFIXES, id=IDS, generation=st.integers(1, 99))
def test_every_name_is_allowed(prefix: str, id: str, generation: int) -> None:
    made = names(prefix, id, generation)
    for what, allowed in ALLOWED.items():
        assert re.fullmatch(allowed, getattr(made, what)), (what, getattr(made, what))


@given(prefix=PREFIXES, id=IDS)
def test_a_cloud_sql_name_with_its_project_fits(prefix: str, id: str) -> None:
    """Cloud SQL: 98 characters for PROJECT:INSTANCE."""
    made = names(prefix, id, 99)
    assert len(f"{made.project}:{made.sql_instance}") <= 98


@pytest.mark.parametrize("what", ["sql_instance", "sql_password_secret", "artifact_bucket", "build_bucket", "state_bucket",
                                  "pipelines_account_id", "nodes_account_id", "build_account_id"])  # fmt: skip
def test_what_is_global_or_stays_reserved_carries_the_id(what: str) -> None:
    assert "qwerty" in getattr(names("demo", "qwerty"), what)


def test_a_used_up_cloud_sql_name_has_a_next_one() -> None:
    assert names("demo", "qwerty", 1).sql_instance != names("demo", "qwerty", 2).sql_instance
