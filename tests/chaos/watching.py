"""What a process holds at a moment, from Linux's /proc: descriptors and memory."""

import os
from pathlib import Path

__all__ = ["descriptors", "resident_bytes"]

_PAGE = os.sysconf("SC_PAGE_SIZE")


def descriptors(pid: int) -> int:
    """Files, sockets and the like that the process has open; of this process, the one that looks included."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def resident_bytes(pid: int) -> int:
    """Memory that the process occupies."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
