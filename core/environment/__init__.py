"""An environment on disk: its parameters (never a secret), runs, Terraform state and lock; and the cloud it is on.

`home` knows the folders, `record` the file ``environment.toml``, `lock` who holds an environment, `cloud` how the
adapters reach what it is installed on, and `rehearsal` starts and finds the simulated cloud of a rehearsed one.
"""

from core.environment.cloud import Cloud
from core.environment.home import Home
from core.environment.record import Environment

__all__ = ["Cloud", "Environment", "Home"]
