"""Credentials: what users log in with, given, changed and taken. `arguments` → `service` → `actions`.

What a strategy keeps of them is its own affair (`strategies.py`).
"""

from gateway.security.credentials.actions import CredentialsController, OwnCredentialsController
from gateway.security.credentials.service import Credentials

__all__ = ["Credentials", "CredentialsController", "OwnCredentialsController"]
