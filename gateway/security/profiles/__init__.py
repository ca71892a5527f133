"""Profiles: which roles, where, and how often. `definition` → `service` → `actions`."""

from gateway.security.profiles.actions import ProfilesController
from gateway.security.profiles.definition import OPEN_PROFILES, PROFILE_SCHEMA, RESTRICTED_PROFILES, check_profile
from gateway.security.profiles.service import Profiles

__all__ = ["OPEN_PROFILES", "PROFILE_SCHEMA", "RESTRICTED_PROFILES", "Profiles", "ProfilesController", "check_profile"]
