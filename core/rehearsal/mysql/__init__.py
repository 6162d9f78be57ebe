"""The simulated Cloud SQL for MySQL as its clients see it: the protocol, sign-in by a user's own plugin, and the users' SQL.

`accounts` is what the server knows, `protocol` speaks (on top of mysql-mimic, which knows neither `caching_sha2_password`
nor what to do with ``ALTER USER``), `session` answers statements. There is no listener: a connection comes through the
Auth Proxy's port-forward alone.
"""

from __future__ import annotations

from core.rehearsal.mysql.accounts import Accounts, Refused

__all__ = ["Accounts", "Refused"]
