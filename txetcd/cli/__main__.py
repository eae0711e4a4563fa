"""``python -m txetcd.cli``."""

import sys

from txetcd.cli import main

sys.exit(main())
