"""master(8): whether it runs, by the lock that it keeps on `pid/master.pid`; no process is started to find out.

`postfix status` goes by the same lock. A PID in a file proves nothing: it may be another process's by now, or one of
another container.
"""

from __future__ import annotations

import fcntl
import os
from typing import Optional


def runs(lock_file: str) -> Optional[bool]:
    """Whether a master holds the lock on this file; None when it can't be told."""
    try:
        descriptor = os.open(lock_file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return False  # Made at the first start, and never removed.
    except OSError:
        return None
    try:
        # Shared, so that two agents do not take each other for a master; it goes with the descriptor.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(descriptor)
