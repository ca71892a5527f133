"""The table of races: pairs of requests that concern each other, and what becomes of both in each order."""

import json
from typing import Any, NamedTuple

from tests.security.nodes import Outcome

__all__ = ["ADMIN_EXISTS", "NO_TRANSACTION", "OK", "RACES", "USER_EXISTS", "USER_U", "Race", "Step", "filled"]

Step = tuple[str, dict[str, Any]]
"""A request: name and arguments; `$` in a text stands for the number of the round."""

OK: Outcome = (200, None)
NO_ROLE: Outcome = (404, "security.role.not_found")
NO_PROFILE: Outcome = (404, "security.profile.not_found")
NO_USER: Outcome = (404, "security.user.not_found")
ROLE_IN_USE: Outcome = (412, "security.role.in_use")
PROFILE_IN_USE: Outcome = (412, "security.profile.in_use")
TAKEN: Outcome = (400, "services.storage.document_already_exists")
USER_EXISTS: Outcome = (412, "security.user.already_exists")
NAME_TAKEN: Outcome = (412, None)
ADMIN_EXISTS: Outcome = (412, "api.process.admin_exists")

ROLE = {"controllers": {"server": {"actions": {"now": True}}}}
IN_PROFILE = {"profileIds": ["p$"]}
NOBODYS = {"policies": [{"roleId": "default"}]}
LOCAL = {"username": "u$", "password": "pass"}

ROLE_R: Step = ("security:createRole", {"_id": "r$", "body": ROLE})
PROFILE_P: Step = ("security:createProfile", {"_id": "p$", "body": NOBODYS})
USER_U: Step = ("security:createUser", {"_id": "u$", "body": {"content": {"profileIds": ["default"]}}})
WITH_R = {"_id": "p$", "body": {"policies": [{"roleId": "r$"}]}}
DELETE_R: Step = ("security:deleteRole", {"_id": "r$"})
DELETE_P: Step = ("security:deleteProfile", {"_id": "p$"})
TAKE_OFF_P: Step = ("security:deleteProfile", {"_id": "p$", "onAssignedUsers": "remove"})
DELETE_U: Step = ("security:deleteUser", {"_id": "u$"})


class Race(NamedTuple):
    """Two requests that concern each other.

    Attributes:
        given: what is there before.
        left: one of the two.
        right: the other.
        left_first: what becomes of both, left and right, when left comes first.
        right_first: the same when right does.
    """

    given: tuple[Step, ...]
    left: Step
    right: Step
    left_first: tuple[Outcome, Outcome]
    right_first: tuple[Outcome, Outcome]


def user(kuid: str, profile: str = "default", **credentials: Any) -> Step:
    """Make a user."""
    return ("security:createUser", {"_id": kuid, "body": {"content": {"profileIds": [profile]}, **credentials}})


RACES = {
    "profile created, role deleted": Race(
        (ROLE_R,), ("security:createProfile", WITH_R), DELETE_R, (OK, ROLE_IN_USE), (NO_ROLE, OK)
    ),
    "profile replaced, role deleted": Race(
        (ROLE_R, PROFILE_P), ("security:createOrReplaceProfile", WITH_R), DELETE_R, (OK, ROLE_IN_USE), (NO_ROLE, OK)
    ),
    "profile updated, role deleted": Race(
        (ROLE_R, PROFILE_P), ("security:updateProfile", WITH_R), DELETE_R, (OK, ROLE_IN_USE), (NO_ROLE, OK)
    ),
    "user created, profile deleted": Race(
        (PROFILE_P,), user("u$", "p$"), DELETE_P, (OK, PROFILE_IN_USE), (NO_PROFILE, OK)
    ),
    "user updated, profile deleted": Race(
        (PROFILE_P, USER_U),
        ("security:updateUser", {"_id": "u$", "body": IN_PROFILE}),
        DELETE_P,
        (OK, PROFILE_IN_USE),
        (NO_PROFILE, OK),
    ),
    "user replaced, profile deleted": Race(
        (PROFILE_P, USER_U),
        ("security:replaceUser", {"_id": "u$", "body": IN_PROFILE}),
        DELETE_P,
        (OK, PROFILE_IN_USE),
        (NO_PROFILE, OK),
    ),
    "user upserted, profile deleted": Race(
        (PROFILE_P,),
        ("security:upsertUser", {"_id": "u$", "body": {"content": IN_PROFILE}}),
        DELETE_P,
        (OK, PROFILE_IN_USE),
        (NO_PROFILE, OK),
    ),
    "user created, profile taken off": Race((PROFILE_P,), user("u$", "p$"), TAKE_OFF_P, (OK, OK), (NO_PROFILE, OK)),
    "user updated, profile taken off": Race(
        (PROFILE_P, USER_U),
        ("security:updateUser", {"_id": "u$", "body": IN_PROFILE}),
        TAKE_OFF_P,
        (OK, OK),
        (NO_PROFILE, OK),
    ),
    "user updated, user deleted": Race(
        (USER_U,), ("security:updateUser", {"_id": "u$", "body": {"a": 1}}), DELETE_U, (OK, OK), (NO_USER, OK)
    ),
    "credentials created, user deleted": Race(
        (USER_U,),
        ("security:createCredentials", {"strategy": "local", "_id": "u$", "body": LOCAL}),
        DELETE_U,
        (OK, OK),
        (NO_USER, OK),
    ),
    "credentials updated, user deleted": Race(
        (user("u$", credentials={"local": LOCAL}),),
        ("security:updateCredentials", {"strategy": "local", "_id": "u$", "body": {"username": "n$"}}),
        DELETE_U,
        (OK, OK),
        (NO_USER, OK),
    ),
    "one profile twice": Race((), PROFILE_P, PROFILE_P, (OK, TAKEN), (TAKEN, OK)),
    "one user twice": Race((), USER_U, USER_U, (OK, USER_EXISTS), (USER_EXISTS, OK)),
    "one user upserted twice": Race(
        (),
        ("security:upsertUser", {"_id": "u$", "body": {"content": {"profileIds": ["default"], "by": "left"}}}),
        ("security:upsertUser", {"_id": "u$", "body": {"content": {"profileIds": ["default"], "by": "right"}}}),
        (OK, OK),
        (OK, OK),
    ),
    "one user name twice": Race(
        (),
        user("a$", credentials={"local": LOCAL}),
        user("b$", credentials={"local": LOCAL}),
        (OK, NAME_TAKEN),
        (NAME_TAKEN, OK),
    ),
}
NO_TRANSACTION = {
    "one role twice": Race((), ROLE_R, ROLE_R, (OK, TAKEN), (TAKEN, OK)),
    "key created, user deleted": Race(
        (USER_U,),
        ("security:createApiKey", {"userId": "u$", "body": {"description": ""}}),
        DELETE_U,
        (OK, OK),
        (NO_USER, OK),
    ),
}


def filled(step: Step, number: str) -> Step:
    """A request of one round."""
    name, arguments = step
    return name, json.loads(json.dumps(arguments).replace("$", number))
