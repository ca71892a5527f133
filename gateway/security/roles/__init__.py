"""Roles: which controllers and actions. `definition` → `service` → `actions`."""

from gateway.security.roles.actions import RolesController
from gateway.security.roles.definition import OPEN_ROLES, PROTECTED, RESTRICTED_ROLES, ROLE_SCHEMA, check_role
from gateway.security.roles.service import Roles

__all__ = ["OPEN_ROLES", "PROTECTED", "RESTRICTED_ROLES", "ROLE_SCHEMA", "Roles", "RolesController", "check_role"]
