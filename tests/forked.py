"""Notebooks' kernels in processes forked from a server that has imported what every page imports.

A page spends more time on importing PyTorch and pandas than on its cells.
"""

import os
import tempfile
import time

import nbval.kernel
from copies import FORKS
from jupyter_client.manager import KernelManager
from jupyter_client.provisioning import local_provisioner

from fhelpers.pages import kernels


def install() -> None:
    """Have this process start all its kernels so."""
    local_provisioner.launch_kernel = Kernel
    nbval.kernel.KernelManager = Portless


class Portless(KernelManager):
    """A manager of kernels on sockets: of ports, two that start at once may choose the same."""

    def __init__(self, **options):
        file = os.path.join(tempfile.mkdtemp(), "kernel.json")
        super().__init__(connection_file=file, transport="ipc", **options)


class Kernel(kernels.Forked):
    """A kernel's process, forked from the server."""

    def __init__(self, command, *, env, cwd=None, **_):
        super().__init__(FORKS)
        self.become(command, env=env, cwd=cwd)
        while self.poll() is None and os.getpgid(self.pid) != self.pid:
            time.sleep(0.001)  # whoever stops the kernel stops its group
