"""Users: who there is. `arguments` → `service` → `actions`; the record is `{_id: kuid, content: {profileIds, …}}`."""

from gateway.security.users.actions import SelfController, UsersController
from gateway.security.users.belongings import Owned
from gateway.security.users.checks import is_anonymous
from gateway.security.users.portraits import Portraits
from gateway.security.users.service import ANONYMOUS_USER, USER_SCHEMA, Users

__all__ = [
    "ANONYMOUS_USER",
    "USER_SCHEMA",
    "Owned",
    "Portraits",
    "SelfController",
    "Users",
    "UsersController",
    "is_anonymous",
]
