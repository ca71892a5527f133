"""A run keeps what it found, and a part of one is not written as the whole."""

import pytest

from tests.benchmarks import many
from tests.benchmarks.run import arguments, noted


def fail(error: BaseException) -> None:
    """A part that fails."""
    raise error


def test_no_fault_of_a_part_ends_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    """Of whatever kind; it is told at once and in the report. Ctrl-C is no fault."""
    faults: list[str] = []

    with noted(faults):
        fail(ZeroDivisionError("by\nnothing"))
    with pytest.raises(KeyboardInterrupt), noted(faults):
        fail(KeyboardInterrupt())

    assert ["ZeroDivisionError: by nothing"] == faults
    assert "error: ZeroDivisionError: by\nnothing\n" == capsys.readouterr().err


def test_a_part_of_a_run_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    """Both options together are refused with the reason; either alone is fine."""
    with pytest.raises(SystemExit) as ended:
        arguments(["--write", "--only", "now"])

    assert 2 == ended.value.code
    assert "--write renews the whole page, so it needs a whole run" in capsys.readouterr().err
    assert (True, ["now"]) == (arguments(["--write"]).write, arguments(["--only", "now"]).only)


@pytest.mark.parametrize(("allowed", "size"), [(10_500, 10_000), (1_499, 990), (600, 100)])
def test_a_crowd_is_as_large_as_files_allow(monkeypatch: pytest.MonkeyPatch, allowed: int, size: int) -> None:
    """In ten equal steps, beside the server's own files."""
    monkeypatch.setattr(many, "allow_files", lambda _: allowed)

    assert size == many.crowd_size()


@pytest.mark.parametrize("allowed", [0, 256, 599])
def test_too_few_files_are_told(monkeypatch: pytest.MonkeyPatch, allowed: int) -> None:
    """Rather than a slope through points that are one."""
    monkeypatch.setattr(many, "allow_files", lambda _: allowed)

    with pytest.raises(RuntimeError, match=f"at least 600 open files, the limit here is {allowed}"):
        many.crowd_size()
