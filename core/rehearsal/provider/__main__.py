"""``python -P -m core.rehearsal.provider``: started by Terraform, through the file that `mirror` wrote."""

from __future__ import annotations

import os

from core.rehearsal.provider.server import parent_gone, serve

if __name__ == "__main__":
    os._exit(serve(parent_gone))
