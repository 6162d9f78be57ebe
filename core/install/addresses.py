"""Where Terraform has what other parts of an installation speak of by address, in one place that costs nothing to load."""

from __future__ import annotations

CLUSTER = "module.cluster.google_container_cluster.this"
NODE_POOL = "module.cluster.google_container_node_pool.this"
SQL = "module.database.google_sql_database_instance.this"

PROTECTED: dict[str, tuple[str, ...]] = {CLUSTER: ("deletion_protection",), SQL: ("deletion_protection", "settings")}
"""What the step ``protect`` updates at the end of an installation, and which of its arguments."""
