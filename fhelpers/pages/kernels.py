"""Kernels that execute notebooks in this very interpreter, whatever kernels the machine knows.

Importing PyTorch and the rest takes longer than most pages' cells, and the process that opens a
page has already done so to plan its runs. So the kernel may be a fork of that process.
"""

import multiprocessing
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import BaseContext
from pathlib import Path

from ipykernel import kernelapp
from ipykernel.kernelspec import make_ipkernel_cmd
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner

FORK = multiprocessing.get_context("fork")


class Forked:
    """A process that waits until it is told which kernel to be.

    It has those methods of `subprocess.Popen` that a provisioner calls.
    """

    stdin = stdout = stderr = None

    def __init__(self, context: BaseContext = FORK):
        order, self.order = context.Pipe(duplex=False)
        self.process = context.Process(target=wait_for_order, args=(order, self.order))
        self.process.start()
        self.pid = self.process.pid
        order.close()

    def become(self, command: list[str], *, env: dict[str, str], cwd: str | None = None) -> None:
        """Be the kernel that this command line would start."""
        self.order.send((command[command.index("-f") :], env, cwd))

    def poll(self) -> int | None:
        return self.process.exitcode

    def wait(self) -> int | None:
        self.process.join()
        return self.poll()

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.process.kill()


def wait_for_order(order, other_end) -> None:
    """In the fork: be a kernel until told to stop, or until the process that asked is gone."""
    other_end.close()
    try:
        options, env, cwd = order.recv()
    except EOFError:  # it never asked
        return
    os.setsid()  # who stops the kernel stops all that it started
    os.chdir(cwd or ".")
    os.environ.clear()
    os.environ.update(env)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller, but a kernel needs it
            stream = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
    kernelapp.launch_new_instance(argv=options, parent_handle=os.getppid())


class Forking(LocalProvisioner):
    """Starts a kernel in a process that waits for it."""

    waiting: Forked

    async def launch_kernel(self, cmd, *, env, cwd=None, **_):
        self.process = self.waiting
        self.process.become(cmd, env=env, cwd=cwd)
        self.pid = self.pgid = self.process.pid
        return self.connection_info


@contextmanager
def own(folder: Path, *, fork: bool) -> Iterator[type[AsyncKernelManager]]:
    """The manager of one kernel, whose files are in `folder` and never in the user's home.

    fork: the kernel is a fork of this process, which then must not have computed yet, only
    imported: threads that compute do not survive it.
    """
    private = {"IPYTHONDIR": str(folder), "JUPYTER_RUNTIME_DIR": str(folder)}
    forked = Forked() if fork else None

    class OwnKernel(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            return KernelSpec(argv=make_ipkernel_cmd(), language="python", env=private)

        def __init__(self, **options):
            # Sockets in the folder: of ports, two kernels that start at once may choose the same.
            file = str(folder / "kernel.json")
            super().__init__(connection_file=file, transport="ipc", **options)
            if forked:
                self.provisioner = Forking(kernel_spec=self.kernel_spec, parent=self)
                self.provisioner.waiting = forked

    try:
        yield OwnKernel
    finally:
        if forked:
            forked.kill()
