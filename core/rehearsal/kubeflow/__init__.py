"""The simulated Kubeflow Pipelines: its API and UI behind a port-forward, and runs that fail where a real one would.

`records` keeps pipelines and runs where the real ones lie, in the database's instance; `api` serves them; `runs` executes a
run over time, with `checks` for everything that it depends on in the cluster and `step` for the hello pipeline's own code.
"""

from __future__ import annotations

from core.rehearsal.kubeflow.api import api_server, frontend
from core.rehearsal.kubeflow.runs import Runs

__all__ = ["Runs", "api_server", "frontend"]
