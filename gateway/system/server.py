"""`server:` actions: what time it is, what this is, whether it is well.

Order of the file: the arguments, the service, the actions. Source: server-realtime.md, "server".
"""

import os
import platform
import resource
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from gateway.actions import Controller, action
from gateway.protocol.arguments import Arguments
from gateway.protocol.codec import decode_list
from gateway.protocol.errors import api_error
from gateway.protocol.routes import Route, routes_of
from gateway.security.users import Users

__all__ = ["ServerController", "public_api"]

KUZZLE_VERSION = "2.56.0"
"""The version whose API this is: consoles look here to learn which dialect a server speaks."""

_SERVICES = ("internalCache", "memoryStorage", "storageEngine")
_GREEN, _RED = "green", "red"

Actions = Mapping[str, tuple[str, ...]]


def public_api(actions: Actions) -> dict[str, Any]:
    """Describe the registered actions as SDKs want it; `http` is absent where there is no route.

    Args:
        actions: controller → its actions.
    """
    return {
        controller: {name: _describe(controller, name) for name in sorted(names)}
        for controller, names in sorted(actions.items())
    }


def _describe(controller: str, name: str) -> dict[str, Any]:
    described: dict[str, Any] = {"action": name, "controller": controller}
    if routes := routes_of(controller, name):
        described["http"] = [_route(route) for route in routes]
    return described


def _route(route: Route) -> dict[str, str]:
    # `url` is read by the JavaScript SDK, `path` by the JVM's.
    return {"path": route.path, "url": route.path, "verb": route.verb}


class HealthCheck(Arguments, frozen=True):
    """Arguments of `server:healthCheck`; `services` is a list, or text with commas; others check everything."""

    services: Any = None


class ServerController(Controller):
    """`server:` actions.

    Args:
        users: for `adminExists`.
        actions: what is registered, asked for late because registering comes after.
        database_answers: tells whether the database does.
        now: milliseconds since the epoch.
        version: of this distribution.
    """

    name = "server"

    def __init__(
        self,
        *,
        users: Users,
        actions: Callable[[], Actions],
        database_answers: Callable[[], Awaitable[bool]],
        now: Callable[[], int],
        version: str,
    ) -> None:
        self._users = users
        self._actions = actions
        self._database_answers = database_answers
        self._now = now
        self._version = version
        self._started = now()

    @action("now")
    def tell_time(self) -> dict[str, int]:
        """The time here: `{now}`, milliseconds since the epoch."""
        return {"now": self._now()}

    @action("adminExists")
    async def admin_exists(self) -> dict[str, bool]:
        """Whether somebody has the profile admin."""
        return {"exists": await self._users.administrator_exists()}

    @action("publicApi")
    def describe(self) -> dict[str, Any]:
        """Every action, with its HTTP routes."""
        return public_api(self._actions())

    @action("healthCheck")
    async def check_health(self, arguments: HealthCheck) -> dict[str, Any]:
        """Whether the services answer; the caches are in this process, so they live while it does.

        Raises:
            InternalError: `core.fatal.service_unavailable`, with the result beside it.
        """
        states = dict.fromkeys(_chosen(arguments.services), _GREEN)
        if "storageEngine" in states and not await self._database_answers():
            states["storageEngine"] = _RED
        healthy = _RED not in states.values()
        result = {"services": states, "status": _GREEN if healthy else _RED}
        if not healthy:
            raise api_error("core.fatal.service_unavailable", "the database does not answer", result=result)
        return result

    @action("info")
    def inform(self) -> dict[str, Any]:
        """What runs here: versions, uptime, memory, services."""
        return {
            "serverInfo": {
                "kuzzle": {
                    "api": {"routes": public_api(self._actions())},
                    "application": {"name": "latchgate", "version": self._version},
                    "memoryUsed": _memory_used(),
                    "nodeVersion": f"Python {platform.python_version()}",
                    "plugins": {},
                    "system": {"cpus": os.cpu_count(), "memory": _memory()},
                    "uptime": f"{(self._now() - self._started) / 1000}s",
                    "version": KUZZLE_VERSION,
                },
                "services": {
                    "internalCache": {"type": "memory"},
                    "internalStorage": {"type": "MongoDB"},
                    "memoryStorage": {"type": "memory"},
                    "publicStorage": {"type": "MongoDB"},
                },
            }
        }


def _chosen(services: Any) -> list[str]:
    if isinstance(services, str):
        services = decode_list(services)
    if not isinstance(services, list):
        return list(_SERVICES)
    return [name for name in _SERVICES if name in services]


def _memory_used() -> int:
    """Bytes at the peak: Linux counts kilobytes, macOS bytes (getrusage(2))."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024


def _memory() -> dict[str, int]:
    page = os.sysconf("SC_PAGE_SIZE")
    return {"free": page * os.sysconf("SC_AVPHYS_PAGES"), "total": page * os.sysconf("SC_PHYS_PAGES")}
