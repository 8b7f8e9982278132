"""Image frequencies and how convolutional networks generalise: helpers of an executable book."""

import ctypes
import platform

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # names of two settings in glibc's malloc.h


def _keep_freed_memory() -> None:
    """Let glibc keep freed memory for the next tensor instead of returning it to the system.

    Filters and training steps allocate the same large tensors again and again; without this,
    half the time of a split goes into page faults.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(TRIM_THRESHOLD, 2**31 - 1)
        libc.mallopt(MMAP_THRESHOLD, 32 * 2**20)


_keep_freed_memory()
