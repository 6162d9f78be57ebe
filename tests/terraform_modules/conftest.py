"""A plan of the platform, made with the real Terraform and the stand-in provider, without any cloud."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
