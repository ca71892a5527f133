"""The page `docs/configuration.md`, rendered from the structs themselves.

Rules of the file: pure, text only; no fact about a single setting is written here. `python -m gateway.config` prints
the page, and a test compares it with the file.
"""

from inspect import cleandoc

from gateway.config.loading import PREFIX, variable
from gateway.config.section import Section, Setting, settings_of
from gateway.config.settings import Config

__all__ = ["COMMAND", "render"]

COMMAND = "python -m gateway.config > docs/configuration.md"
"""Rewrites the page, from the root of the repository."""

_HEAD = f"""\
<!-- Generated from gateway/config/settings.py; rewrite it with: {COMMAND} -->

# Configuration

Latchgate starts without any configuration. A setting can come from four places; the later wins:

1. the defaults below,
2. a TOML file, named with `--config`, one table per section,
3. environment variables, `{PREFIX}<SECTION>_<NAME>`,
4. flags on the command line, for the settings that have one (see `latchgate serve --help`).

```toml
[server]
port = 7513

[security]
auth_token_expires_in = "30 minutes"
restricted_profile_ids = ["default", "device"]
jwt_secret_file = "/run/secrets/latchgate_jwt"
```

```sh
{variable("server.port")}=7513
{variable("security.auth_token_expires_in")}="30 minutes"
{variable("security.restricted_profile_ids")}=default,device
{variable("security.jwt_secret_file")}=/run/secrets/latchgate_jwt
```

A name that is unknown, in any of these places, and a value that is not accepted stop the start with one sentence that
names the setting and its place, never the value. A value that a later place overrides is not looked at.

## Values

- In variables and flags everything is text: numbers in digits, with a point for fractions; `true`, `false`, `1` or
  `0`; lists separated by commas, where the empty text is the empty list. In TOML values have TOML's types.
- Durations (where the tables say so) are whole milliseconds or a text: a number, then `ms`, `s`, `m`, `h`, `d`, `w`,
  `y` or a longer form of these words, such as `"1h"`, `"1.5 hours"`, `"30 days"`. A fraction of a millisecond is
  rounded up. -1 means none; 0 is refused.
- Paths are relative to the directory in which the gateway starts.

## Secrets

Settings marked *secret* can also be read from a file: add `_file` to the name (`_FILE` to the variable) and give its
path. The value is the content of the file in UTF-8, less one newline at its end.

- Giving the value and the file in one place stops the start.
- The file must not be readable, writable or executable by its group or by others (mode 0600 or 0400, else the start
  stops). Container platforms often mount secrets with wider modes: set the mode and the owner there.
- The same holds for a TOML file in which a secret stands, be it the password in a connection string.
- On the command line, where other users of the machine can read it, a secret is refused.
- In the log and in what the gateway shows of its settings a secret reads `***`; of a connection string the
  password, and options that hold secrets, read `***`.

## Variables that are ignored

Kubernetes sets variables for every service of a namespace, so also for one whose name begins with `latchgate`. These
are ignored: `{PREFIX}SERVICE_HOST`, `{PREFIX}SERVICE_PORT`, `{PREFIX}SERVICE_PORT_<NAME>`,
`{PREFIX}PORT_<number>_TCP` (or `UDP`, `SCTP`) and what continues it, `{PREFIX}PORT` where the value begins with
`tcp://`, `udp://` or `sctp://`, and the same names with further words after `{PREFIX}`. A service called
`latchgate-server` still collides with `{variable("server.port")}`: turn `enableServiceLinks` off in the pod.
`{PREFIX}DEMO_PASSWORD` is read by `make demo`. Any other variable that begins with `{PREFIX}` must be one of those
below.
"""


def render() -> str:
    """Give the page as Markdown, with a newline at its end."""
    sections = [_section(name, getattr(Config(), name)) for name in Config.__struct_fields__]
    return "\n".join([_HEAD, *sections])


def _section(name: str, section: Section) -> str:
    rows = [_row(name, setting) for setting in settings_of(type(section))]
    return "\n".join(
        [
            f"## {name}",
            "",
            cleandoc(type(section).__doc__ or ""),
            "",
            "| Setting, variable | Default | Unit | Accepts | Meaning |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _row(section: str, setting: Setting) -> str:
    name = f"{section}.{setting.name}"
    mark = " *secret*" if setting.hide else ""
    cells = (
        f"`{name}`{mark}<br>`{variable(name)}`",
        f"`{_default(setting.default)}`",
        setting.unit,
        setting.accepts,
        setting.meaning,
    )
    # In a table a bar ends the cell, in code spans too, unless it is escaped.
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def _default(value: object) -> str:
    """Write a default as TOML would."""
    match value:
        case tuple():
            return "[" + ", ".join(_default(item) for item in value) + "]"
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
    return str(value)
