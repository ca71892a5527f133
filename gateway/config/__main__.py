"""`python -m gateway.config`: print the page on configuration."""

import sys

from gateway.config.page import render

__all__: list[str] = []

sys.stdout.write(render())
