"""Sessions: who a token stands for, and login tokens from birth to logout. `arguments` → `service` → `actions`."""

from gateway.security.sessions.actions import SessionsController
from gateway.security.sessions.recognition import Recogniser
from gateway.security.sessions.service import LoginPolicy, Sessions

__all__ = ["LoginPolicy", "Recogniser", "Sessions", "SessionsController"]
