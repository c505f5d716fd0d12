"""An SSH server on the loopback, as sshd does it: each session gets a pseudo-terminal, which closes with the line.

As a program it is the client: `python -m tests.e2e.loopback_ssh PORT COMMAND` in a terminal. Killing it cuts the line.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import struct
import sys
import termios
import threading
import tty
from collections.abc import Iterator, Mapping

import asyncssh


class _Open(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return False


@contextlib.contextmanager
def ssh_server(env: Mapping[str, str]) -> Iterator[int]:
    """Its port. What clients ask to be run sees `env`."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="sshd", daemon=True)
    thread.start()

    async def session(process: asyncssh.SSHServerProcess[bytes]) -> None:
        await _session(process, env)

    async def listen() -> asyncssh.SSHAcceptor:
        return await asyncssh.create_server(
            _Open,
            "127.0.0.1",
            0,
            server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
            process_factory=session,
            encoding=None,
        )

    acceptor = asyncio.run_coroutine_threadsafe(listen(), loop).result(10)
    try:
        yield acceptor.get_port()
    finally:
        loop.call_soon_threadsafe(acceptor.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)


async def _session(process: asyncssh.SSHServerProcess[bytes], env: Mapping[str, str]) -> None:
    """Between the channel and a new pseudo-terminal, until either ends."""
    near, far = pty.openpty()
    columns, rows, _, _ = process.term_size
    fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    child = await asyncio.create_subprocess_exec(
        "sh", "-c", f"exec {process.command}",
        stdin=far, stdout=far, stderr=far, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        env={**env, "TERM": process.term_type or "dumb", "SSH_CONNECTION": "127.0.0.1 1 127.0.0.1 2"},
    )  # fmt: skip
    os.close(far)
    loop = asyncio.get_running_loop()

    def bring() -> None:
        data = b""
        with contextlib.suppress(OSError):  # how Linux says that the other end is closed
            data = os.read(near, 65536)
        if data:
            process.stdout.write(data)
        else:
            loop.remove_reader(near)

    loop.add_reader(near, bring)
    try:
        while data := await process.stdin.read(4096):
            os.write(near, data)
    except (asyncssh.Error, ConnectionError):
        pass  # the line was cut
    finally:
        loop.remove_reader(near)
        os.close(near)
    process.exit(await child.wait())


async def _client(port: int, command: str) -> int:
    """This terminal is that of the other end."""
    before = termios.tcgetattr(0)
    tty.setraw(0)
    try:
        async with asyncssh.connect("127.0.0.1", port, known_hosts=None, username="somebody", config=None) as line:
            size = os.get_terminal_size()
            process = await line.create_process(
                command, term_type=os.environ.get("TERM"), term_size=(size.columns, size.lines), encoding=None
            )
            asyncio.get_running_loop().add_reader(0, lambda: process.stdin.write(os.read(0, 4096)))
            while data := await process.stdout.read(65536):
                os.write(1, data)
            return process.exit_status or 0
    finally:
        termios.tcsetattr(0, termios.TCSANOW, before)


if __name__ == "__main__":
    sys.exit(asyncio.run(_client(int(sys.argv[1]), sys.argv[2])))
