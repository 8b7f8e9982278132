"""Pages made in forks of one process that has imported what all of them need.

The imports of a page take longer than most pages' cells, and the book has twenty pages. So the
workflow starts a process that imports once, and a command that makes a page hands itself over to a
fork of that process: its arguments, environment, folder and streams. Where it cannot, it goes on by
itself.
"""

import ctypes
import json
import os
import runpy
import select
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

DOOR = "FHELPERS_DOOR"  # the environment's name for the socket, from the checkout's folder
CODE = Path(__file__).parents[1]
STREAMS = ("stdin", "stdout", "stderr")
PAUSE = 0.05  # seconds between two looks at the forks
PATIENCE = 10  # seconds within which a caller has to send its request
DEATH_SIGNAL = 1  # of prctl: the signal for when the parent dies


def start(closed: int) -> None:
    """Start the process beside this one, which may become another program; both end together.

    closed: a file that the new process must not keep open.
    """
    path = Path(".snakemake", "door")
    path.unlink(missing_ok=True)
    door = socket.socket(socket.AF_UNIX)
    try:
        door.bind(str(path))
    except OSError:  # a file system without sockets
        return
    path.chmod(0o600)  # whoever can connect can run code as this user
    door.listen()
    os.environ[DOOR] = str(path)
    workflow = os.getpid()
    if os.fork() == 0:
        os.close(closed)
        os.environ["OMP_NUM_THREADS"] = "1"
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # for the forks, which tell how they ended
        serve(door, workflow)
    door.close()


def serve(door: socket.socket, workflow: int) -> NoReturn:
    """Fork for each caller as long as the workflow lives, and tell it how its fork ended."""
    callers: dict[int, socket.socket] = {}
    while os.getppid() == workflow:
        ready, _, _ = select.select([door], [], [], PAUSE)
        if ready:
            caller, _ = door.accept()
            try:
                callers[fork(caller, door, *callers.values())] = caller
            except (OSError, ValueError):  # it was killed before it had sent its request
                caller.close()
        for pid, caller in [*callers.items()]:
            if select.select([caller], [], [], 0)[0]:  # it says no more: it was killed
                os.kill(pid, signal.SIGTERM)
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                code = os.waitstatus_to_exitcode(status)
                tell(callers.pop(pid), code if code >= 0 else 128 - code)
    for pid in callers:
        os.kill(pid, signal.SIGTERM)
    os._exit(0)


def fork(caller: socket.socket, *others: socket.socket) -> int:
    """The number of a fork that runs the caller's command and keeps no socket open."""
    from fhelpers.pages import execution, explorer  # noqa: F401 - not before the first page asks

    caller.settimeout(PATIENCE)
    _, streams, _, _ = socket.recv_fds(caller, 1, len(STREAMS))
    with caller.makefile() as lines:
        called = json.loads(lines.readline())
    server, pid = os.getpid(), os.fork()
    if pid == 0:
        ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGTERM)
        if os.getppid() != server:
            os._exit(1)
        for each in (caller, *others):
            each.close()
        for number, (name, stream) in enumerate(zip(STREAMS, streams, strict=True)):
            os.dup2(stream, number)
            # Opened anew: it may be another kind of file, such as a pipe.
            setattr(sys, name, os.fdopen(number, "w" if number else "r", 1, closefd=False))
    for stream in streams:
        os.close(stream)
    if pid == 0:
        be(*called)
    return pid


def tell(caller: socket.socket, code: int) -> None:
    with caller, suppress(BrokenPipeError):  # it was killed
        caller.sendall(bytes([code]))


def be(arguments: list[str], folder: str, environment: dict[str, str]) -> NoReturn:
    """Run that command of `fhelpers` and exit with its status."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    os.environ.pop(DOOR)
    os.chdir(folder)
    sys.argv[1:] = arguments
    try:
        runpy.run_module("fhelpers", run_name="__main__")
    except SystemExit as end:
        os._exit(end.code or 0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    os._exit(1)


def hand_over() -> int | None:
    """This command's exit status from a fork, None where it has to go on by itself.

    It has to where no workflow has called it, or where the code has changed since that began.
    """
    path, before = Path(os.environ.get(DOOR, "")), signal.getsignal(signal.SIGINT)
    if not path.is_socket() or None in (getattr(sys, name) for name in STREAMS):
        return None
    called, stopped = [sys.argv[1:], os.getcwd(), dict(os.environ)], []
    try:
        if max(file.stat().st_mtime for file in CODE.rglob("*.py")) > path.stat().st_mtime:
            return None
        with socket.socket(socket.AF_UNIX) as door:
            door.connect(str(path))

            def stop(*_) -> None:
                stopped.append(True)
                door.shutdown(socket.SHUT_WR)  # which ends the fork, as soon as there is one

            signal.signal(signal.SIGINT, stop)
            socket.send_fds(door, [b"\0"], range(len(STREAMS)))
            door.sendall(json.dumps(called).encode() + b"\n")
            # Without an answer the process was killed, and the fork with it.
            return next(iter(door.recv(1)), 128 + signal.SIGTERM)
    except OSError:
        if stopped:
            raise KeyboardInterrupt from None
        return None
    finally:
        signal.signal(signal.SIGINT, before)
