"""Several processes on one port: a supervisor, and what each process does for it."""

from gateway.workers.duty import Duty, serve_on_duty
from gateway.workers.supervisor import Started, supervise

__all__ = ["Duty", "Started", "serve_on_duty", "supervise"]
