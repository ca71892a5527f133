"""`kill -9` in the short form: one of each; `make chaos` kills more often."""

from pathlib import Path

from tests.chaos.kills import KILLS, kill_under_load


async def test_what_was_acknowledged_before_a_kill_is_there(tmp_path: Path) -> None:
    """Every key usable, none doubled or half; the gateway is back without an operator, and refuses with a 503 only."""
    killed = await kill_under_load(tmp_path / "data", list(KILLS), between_s=0.5)

    print(*killed.rows(), sep="\n")
    killed.check()
    assert list(KILLS) == [blow.name for blow in killed.blows]
    assert killed.audit.acknowledged > 100
    assert killed.audit.revoked > 5
