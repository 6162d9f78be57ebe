"""The checks before an installation: what the machine, the account and the project must have, one module a concern.

`examine` runs them side by side and says how each stands; `demand` raises where something blocks. What can't be looked at
because its API is off is skipped, never passed, and looked at again once it is on.
"""

from core.prerequisites.check import Answer, Check, Subject
from core.prerequisites.examine import demand, examine, examine_access, examine_machine

__all__ = ["Answer", "Check", "Subject", "demand", "examine", "examine_access", "examine_machine"]
