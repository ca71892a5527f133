"""The structs describe every setting, and the page in the repository is what they say."""

from pathlib import Path

import pytest

from gateway.config.loading import _FORMS, variable
from gateway.config.page import COMMAND, render
from gateway.config.section import Setting

PAGE = Path(__file__).parent.parent / "docs" / "configuration.md"
SETTINGS = {name: form.setting for name, form in _FORMS.items() if not form.in_file}


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_every_setting_is_described(setting: Setting) -> None:
    """One sentence each; a name that ends in a unit carries that unit; what may be secret is hidden."""
    assert setting.meaning.endswith(".")
    assert ". " not in setting.meaning
    units = {"ms": "ms", "s": "s", "bytes": "bytes", "gb": "GB"}
    assert units.get(setting.name.rpartition("_")[2], setting.unit) == setting.unit
    assert bool(setting.hide) == setting.name.endswith(("secret", "uri"))


def test_every_variable_means_one_setting() -> None:
    """Joining section and name with an underscore must not make two settings one."""
    assert len(_FORMS) == len({variable(name) for name in _FORMS})


def test_page_is_up_to_date() -> None:
    """The page in the repository is what the structs say today."""
    assert render() == PAGE.read_text("utf-8"), f"rewrite it with: {COMMAND}"
    for name in SETTINGS:
        assert f"| `{name}`" in PAGE.read_text("utf-8")
