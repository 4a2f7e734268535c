"""renameat2(2) with RENAME_NOREPLACE: a file gets another name in one step, and never the name of another file.

os.rename() replaces what has the name, and link(2) and unlink(2) are two steps. Python has no call for it, so it is
taken from the C library.
"""

from __future__ import annotations

import errno
import os
from functools import lru_cache
from typing import Any, Optional

UNSUPPORTED = (errno.ENOSYS, errno.EINVAL, errno.EPERM)
"""What move() says where there is no such call: not in the C library, not in the kernel (glibc says EINVAL then), not
for this file system (EINVAL), or refused by a container's filter (EPERM)."""

_RENAME_NOREPLACE = 1


def move(name: str, source: int, target: int) -> None:
    """Move the file of that name from one folder to another one, both given by descriptors.

    Raises FileExistsError when the name is taken there, and OSError as the system call does.
    """
    call = _call()
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    encoded = name.encode("ascii")
    if call(source, encoded, target, encoded, _RENAME_NOREPLACE):
        from ctypes import get_errno

        failure = get_errno()
        raise OSError(failure, os.strerror(failure))


@lru_cache(maxsize=None)
def _call() -> Optional[Any]:
    """The C library's function; None where it has none (glibc before 2.28), or where Python was built without ctypes.

    Found when it is needed first: every other request is spared the time that it takes.
    """
    try:
        import ctypes

        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (ImportError, OSError, AttributeError):
        return None
    call.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    return call
