"""`python -m tests.benchmarks`: see `run.py`."""

import sys

from tests.benchmarks.run import main

__all__: list[str] = []

sys.exit(main())
