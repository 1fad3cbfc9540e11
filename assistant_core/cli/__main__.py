"""`python -m assistant_core.cli`: the same as the program `assistant`."""

import sys

from assistant_core.cli import main

sys.exit(main())
