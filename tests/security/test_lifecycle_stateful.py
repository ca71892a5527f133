"""Users, keys, tokens, roles and profiles in any order, against a model of them that fits on a page.

A request succeeds exactly where the model finds no fault with it, and otherwise names one of the faults. After every
step nobody may do more or less than their present roles give, and no token that has ended opens anything. Time is the
model's own, so tokens grow old without anybody waiting.
"""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule, run_state_machine_as_test

from tests.security.lifecycle import (
    ACTIONS,
    ENDLESS,
    GRACE,
    INVALID,
    NO_REFRESH,
    NOT_STORED,
    OK,
    PROFILE_IN_USE,
    ROLE_IN_USE,
    TAKEN,
    USER_EXISTS,
    WRONG,
    Asking,
    Token,
    unknown,
)
from tests.security.meetings import dangling
from tests.security.nodes import cheap_passwords, node, open_house

SHOWN = 8  # tokens that are tried after every step, those last made or used
role_ids = st.sampled_from(["r1", "r1", "r2", "r2", "r3"])
profile_ids = st.sampled_from(["p1", "p1", "p2", "p2", "p3"])
user_ids = st.sampled_from(["u1", "u2"])
tables = st.dictionaries(st.sampled_from(ACTIONS), st.booleans(), min_size=1)
some_roles = st.lists(role_ids, min_size=1, max_size=2)
some_profiles = st.lists(profile_ids, min_size=1, max_size=2)
spans = st.sampled_from([500, 5_000, 3_600_000])
picks = st.integers(0, 1000)


class Lifecycle(Asking):
    """Every rule asks the gateway and the model."""

    @initialize()
    def furnish(self) -> None:
        """Begin with a house that is lived in: chance alone would rarely build one."""
        for number in ("1", "2"):
            self.write_role(f"r{number}", dict.fromkeys(ACTIONS, True), "createRole")
            self.write_profile(f"p{number}", [f"r{number}"], "createProfile")
            self.make_user(f"u{number}", [f"p{number}"], "createUser")
            self.login(f"u{number}", 3_600_000)
            self.create_key(f"u{number}", ENDLESS)

    # Roles and profiles

    @rule(role=role_ids, table=tables, how=st.sampled_from(["createRole", "createOrReplaceRole", "updateRole"]))
    def write_role(self, role: str, table: dict[str, bool], how: str) -> None:
        """Make or change a role."""
        exists = role in self.model.roles
        faults = {TAKEN} if how == "createRole" and exists else set()
        if how == "updateRole" and not exists:
            faults = {NOT_STORED}
        controllers: dict[str, Any] = {}
        for name, allowed in table.items():
            controller, action = name.split(":")
            controllers.setdefault(controller, {"actions": {}})["actions"][action] = allowed
        if self.ask(faults, f"security:{how}", _id=self.named(role), body={"controllers": controllers}):
            self.model.roles[role] = table

    @rule(role=role_ids)
    def delete_role(self, role: str) -> None:
        """A role that is used stays."""
        faults = {ROLE_IN_USE} if any(role in roles for roles in self.model.profiles.values()) else set()
        if role not in self.model.roles:
            faults = {unknown("role")}
        if self.ask(faults, "security:deleteRole", _id=self.named(role)):
            del self.model.roles[role]

    @rule(
        profile=profile_ids,
        roles=some_roles,
        how=st.sampled_from(["createProfile", "createOrReplaceProfile", "updateProfile"]),
    )
    def write_profile(self, profile: str, roles: list[str], how: str) -> None:
        """Make or change a profile; its roles must be there."""
        exists = profile in self.model.profiles
        faults = {unknown("role")} if set(roles) - set(self.model.roles) else set()
        if how == "createProfile" and exists:
            faults.add(TAKEN)
        if how == "updateProfile" and not exists:
            faults.add(unknown("profile"))
        body = {"policies": [{"roleId": self.named(role)} for role in roles]}
        if self.ask(faults, f"security:{how}", _id=self.named(profile), body=body):
            self.model.profiles[profile] = roles

    @rule(profile=profile_ids, remove=st.booleans())
    def delete_profile(self, profile: str, remove: bool) -> None:  # noqa: FBT001 - a rule's value
        """A profile that somebody has stays, or is taken off them; who has none left is as good as anonymous."""
        is_used = any(profile in names for names in self.model.users.values())
        faults = {PROFILE_IN_USE} if is_used and not remove else set()
        if profile not in self.model.profiles:
            faults = {unknown("profile")}
        how = "remove" if remove else "fail"
        if self.ask(faults, "security:deleteProfile", _id=self.named(profile), onAssignedUsers=how):
            del self.model.profiles[profile]
            for user, names in self.model.users.items():
                self.model.users[user] = [name for name in names if name != profile] or ["anonymous"]

    # Users

    @rule(user=user_ids, profiles=some_profiles, how=st.sampled_from(["createUser", "upsertUser"]))
    def make_user(self, user: str, profiles: list[str], how: str) -> None:
        """Make a user, perhaps under an id that had one."""
        exists = user in self.model.users
        faults = {unknown("profile")} if set(profiles) - set(self.model.profiles) else set()
        if how == "createUser" and exists:
            faults.add(USER_EXISTS)
        content = {"profileIds": [self.named(name) for name in profiles]}
        credentials = {"local": {"username": self.named(user), "password": "pass"}}
        body = {"content": content, "credentials": credentials}
        if self.ask(faults, f"security:{how}", _id=self.named(user), body=body):
            self.model.users[user] = profiles

    @rule(user=user_ids, profiles=some_profiles, how=st.sampled_from(["updateUser", "replaceUser"]))
    def change_profiles(self, user: str, profiles: list[str], how: str) -> None:
        """Promote or demote a user."""
        faults = {unknown("profile")} if set(profiles) - set(self.model.profiles) else set()
        if user not in self.model.users:
            faults.add(unknown("user"))
        body = {"profileIds": [self.named(name) for name in profiles]}
        if self.ask(faults, f"security:{how}", _id=self.named(user), body=body):
            self.model.users[user] = profiles

    @rule(user=user_ids)
    def delete_user(self, user: str) -> None:
        """Everything goes with the user."""
        faults = set() if user in self.model.users else {unknown("user")}
        if self.ask(faults, "security:deleteUser", _id=self.named(user)):
            del self.model.users[user]
            self.model.end(user, keys=True)

    # Tokens and keys

    @rule(user=user_ids, span=spans)
    def login(self, user: str, span: int) -> None:
        """With the right password."""
        faults = set() if user in self.model.users else {WRONG}
        body = {"username": self.named(user), "password": "pass"}
        self.keep(self.ask(faults, "auth:login", strategy="local", body=body, expiresIn=span), user)

    @rule(user=user_ids, span=st.one_of(spans, st.just(ENDLESS)))
    def create_key(self, user: str, span: int) -> None:
        """For somebody, by an administrator."""
        faults = set() if user in self.model.users else {unknown("user")}
        body = {"description": ""}
        answer = self.ask(faults, "security:createApiKey", userId=self.named(user), body=body, expiresIn=span)
        self.keep(answer, user)

    @rule(number=picks, span=spans)
    def create_own_key(self, number: int, span: int) -> None:
        """For oneself."""
        if token := self.pick(number):
            faults = self.model.faults(token, "auth:createApiKey")
            answer = self.ask(faults, "auth:createApiKey", token, body={"description": ""}, expiresIn=span)
            self.keep(answer, token.owner)

    @rule(number=picks)
    def delete_key(self, number: int) -> None:
        """Once; of an owner who is gone nothing is left."""
        token = self.pick(number)
        if token and token.key_id:
            faults = {NOT_STORED} if token.gone else set()
            self.ask(faults, "security:deleteApiKey", userId=self.named(token.owner), _id=token.key_id)
            token.gone = True

    @rule(number=picks, single_use=st.booleans(), span=spans)
    def create_token(self, number: int, single_use: bool, span: int) -> None:  # noqa: FBT001 - a rule's value
        """From a token."""
        if token := self.pick(number):
            faults = self.model.faults(token, "auth:createToken")
            answer = self.ask(faults, "auth:createToken", token, singleUse=single_use, expiresIn=span)
            self.keep(answer, token.owner, single_use=single_use)

    @rule(number=picks, span=spans, later=st.sampled_from([0, GRACE - 1, GRACE]))
    def refresh_token(self, number: int, span: int, later: int) -> None:
        """Once, and no key; the old one counts for a moment longer."""
        if token := self.pick(number, for_refresh=True):
            faults = self.model.faults(token, "auth:refreshToken")
            if not faults and token.key_id:
                faults = {NO_REFRESH}
            elif token.refreshed or token.single_use:
                faults = faults or {INVALID}
            self.keep(self.ask(faults, "auth:refreshToken", token, expiresIn=span), token.owner)
            if not faults:
                token.refreshed = True
                token.expires_at = min(token.expires_at, self.model.now + GRACE)
                self.wait(later)

    @rule(number=picks, everywhere=st.booleans())
    def logout(self, number: int, everywhere: bool) -> None:  # noqa: FBT001 - a rule's value
        """Ends the token, or all of the user; keys stay."""
        token = self.pick(number)
        if token and self.ask(self.model.faults(token, "auth:logout"), "auth:logout", token, **{"global": everywhere}):
            token.gone = token.gone or not token.key_id
            if everywhere:
                self.model.end(token.owner, keys=False)

    @rule(user=user_ids)
    def revoke_tokens(self, user: str) -> None:
        """By an administrator; who is not there has none."""
        self.ask(set(), "security:revokeTokens", _id=self.named(user))
        self.model.end(user, keys=False)

    @rule(milliseconds=st.sampled_from([1, 499, GRACE, 4_000, 3_600_000]))
    def wait(self, milliseconds: int) -> None:
        """Time goes by."""
        self.model.now += milliseconds
        self.clock[0] = self.model.now

    # What holds after every step

    @invariant()
    def users_have_the_rights_of_their_roles(self) -> None:
        """For every user and action."""
        self.run(self._check_rights())

    async def _check_rights(self) -> None:
        cases = [(user, action) for user in self.model.users for action in ACTIONS]
        answers = await asyncio.gather(
            *(
                self.node.succeed(
                    "security:checkRights",
                    userId=self.named(user),
                    body=dict(zip(("controller", "action"), action.split(":"), strict=True)),
                )
                for user, action in cases
            )
        )
        assert [self.model.allows(*case) for case in cases] == [answer["allowed"] for answer in answers]

    @invariant()
    def tokens_open_what_they_should(self) -> None:
        """Those for a single use are left for the rules to use."""
        tokens = [token for token in self.model.tokens if token.gone or not token.single_use]
        tokens.sort(key=lambda token: token.touched)
        self.run(self._check_tokens(tokens[-SHOWN:]))

    async def _check_tokens(self, tokens: list[Token]) -> None:
        checked = await asyncio.gather(
            *(self.node.succeed("auth:checkToken", body={"token": token.text}) for token in tokens)
        )
        outcomes = await asyncio.gather(*(self.node.outcome("server:now", token.text) for token in tokens))
        assert [self.model.counts(token) for token in tokens] == [answer["valid"] for answer in checked]
        for token, outcome in zip(tokens, outcomes, strict=True):
            assert outcome in (self.model.faults(token, "server:now") or {OK}), token

    def teardown(self) -> None:
        """Nothing refers to what is not there; then make room for the next example."""
        try:
            self.run(self._check_whole())
        finally:
            self.run(self._clear())

    async def _check_whole(self) -> None:
        keys = {token.key_id for token in self.model.tokens if token.key_id and not token.gone}
        assert [] == await dangling(self.node)
        assert keys == {key["_id"] for key in await self.node.rooms.collections.keys.find({})}

    async def _clear(self) -> None:
        collections = self.node.rooms.collections
        mine = {"_id": {"$regex": f"^{self.prefix}"}}
        for collection in (collections.roles, collections.profiles, collections.users):
            await collection.delete_many(mine)
        for owned in (collections.credentials, collections.tokens, collections.keys):
            await owned.delete_many({})
        await self.node.rooms.directory.refresh()


def test_nobody_ever_has_what_the_model_does_not_give_them(mongod: str) -> None:
    """Any sequence of requests leaves the gateway where the model is."""
    clock = [time.time_ns() // 1_000_000]
    with cheap_passwords(), asyncio.Runner() as runner:
        stack = AsyncExitStack()
        where = runner.run(stack.enter_async_context(node(open_house(mongod), lambda: clock[0])))
        Lifecycle.node, Lifecycle.runner, Lifecycle.clock = where, runner, clock
        try:
            run_state_machine_as_test(
                Lifecycle,
                settings=settings(
                    max_examples=14, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
                ),
            )
        finally:
            runner.run(where.database.drop())
            runner.run(stack.aclose())
