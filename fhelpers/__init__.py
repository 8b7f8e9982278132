"""Image frequencies and how convolutional networks generalise: helpers of an executable book."""

import ctypes
import platform

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # names of two settings in glibc's malloc.h

# Freed memory is kept for the next tensor instead of returned to the system: filters and training
# steps allocate the same large tensors again, and half the time of a split went into page faults.
if platform.libc_ver()[0] == "glibc":
    _libc = ctypes.CDLL(None)
    _libc.mallopt(TRIM_THRESHOLD, 2**31 - 1)
    _libc.mallopt(MMAP_THRESHOLD, 32 * 2**20)
