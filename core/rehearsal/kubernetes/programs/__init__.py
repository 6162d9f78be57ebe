"""What the containers do once they run: one table of programs by their image's name, and the rules they follow.

A program is known by its image, not by the Deployment it stands in, so that it behaves the same wherever it is put. An
image that is not in the table just runs.
"""

from __future__ import annotations

from core.rehearsal.kubernetes.programs.process import Problem, Process, environment
from core.rehearsal.kubernetes.programs.table import GONE, Program, of_image

__all__ = ["GONE", "Problem", "Process", "Program", "environment", "of_image"]
