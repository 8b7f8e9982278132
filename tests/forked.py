"""Notebooks' kernels in processes forked from a server that has imported what every page imports.

A page spends more time on importing PyTorch and pandas than on its cells.
"""

import os
import tempfile
import time

import nbval.kernel
from copies import FORKS
from ipykernel import kernelapp
from jupyter_client.manager import KernelManager
from jupyter_client.provisioning import local_provisioner


def install() -> None:
    """Have this process start all its kernels so."""
    local_provisioner.launch_kernel = Kernel
    nbval.kernel.KernelManager = Portless


class Portless(KernelManager):
    """A manager of kernels on sockets: of ports, two that start at once may choose the same."""

    def __init__(self, **options):
        file = os.path.join(tempfile.mkdtemp(), "kernel.json")
        super().__init__(connection_file=file, transport="ipc", **options)


class Kernel:
    """A kernel's process, with the face of a `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, command, *, env, cwd=None, **_):
        options = command[command.index("-f") :]
        self.process = FORKS.Process(target=become, args=(options, env, cwd), daemon=True)
        self.process.start()
        self.pid = self.process.pid
        while self.poll() is None and os.getpgid(self.pid) != self.pid:
            time.sleep(0.001)  # whoever stops the kernel stops its group

    def poll(self):
        return self.process.exitcode

    def wait(self):
        self.process.join()
        return self.poll()

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)


def become(options: list[str], env: dict[str, str], cwd: str | None) -> None:
    """In the forked process: be a kernel until told to stop, or until the server is gone."""
    os.setsid()
    os.chdir(cwd or ".")
    os.environ.clear()
    os.environ.update(env, JPY_PARENT_PID=str(os.getppid()))
    kernelapp.launch_new_instance(argv=options)
