"""``python -P -m core.cli`` is the same as ``mlops-env``."""

import sys

from core.cli.main import main

sys.exit(main())
