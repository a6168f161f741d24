"""An ssh server on the loopback address that runs what it is told in a folder of this machine."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from contextlib import suppress
from pathlib import Path

import asyncssh


class SshServer:
    """A machine whose login lands in ``home``; the knobs make it misbehave."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home, self.port = folder, folder, 0
        self.environment: dict[str, str] = {}
        # Bytes of standard input after which the connection is cut, once.
        self.cut_after: int | None = None
        # Commands, and how many bytes each was given.
        self.received: list[tuple[str, int]] = []
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")
        key = asyncssh.generate_private_key("ssh-ed25519")
        self.identity = self.folder / "id"
        key.write_private_key(self.identity)
        self.identity.chmod(0o600)
        self.authorized = self.folder / "authorized_keys"
        self.authorized.write_bytes(key.export_public_key())
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self):
        self._thread.start()
        self._acceptor = self._wait(self._listen())
        self.port = self._acceptor.get_port()
        return self

    def __exit__(self, *_):
        self._wait(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def config(self, *, host_key=None, identity=None) -> Path:
        """Write a configuration of ssh that knows this server, and only it."""
        known = self.folder / "known_hosts"
        line = (host_key or self.host_key).export_public_key().decode()
        known.write_text(f"[127.0.0.1]:{self.port} {line}" if host_key is not False else "")
        options = {
            "UserKnownHostsFile": known,
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "IdentityFile": identity or self.identity,
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "User": "tester",
        }
        path = self.folder / "config"
        path.write_text("".join(f"{name} {value}\n" for name, value in options.items()))
        return path

    async def _listen(self):
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[self.host_key],
            authorized_client_keys=str(self.authorized),
            process_factory=self._serve,
            encoding=None,
        )

    async def _stop(self):
        self._acceptor.close()
        await self._acceptor.wait_closed()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _wait(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    async def _serve(self, process):
        child = await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", process.command),
            cwd=self.home,
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), "LC_ALL": "C.UTF-8", **self.environment},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        feeding = asyncio.ensure_future(self._feed(process, child))
        try:
            await asyncio.gather(_copy(child.stdout, process.stdout), _copy(child.stderr, process.stderr))
            code = await child.wait()
            process.exit(code) if code >= 0 else process.exit_with_signal("KILL")
        except (ConnectionError, asyncssh.Error):
            pass
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
            # An sshd would leave it running; a test may not. What has a session of its own stays.
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await child.wait()

    async def _feed(self, process, child):
        count = 0
        try:
            while data := await process.stdin.read(32768):
                if self.cut_after is not None and count + len(data) > self.cut_after:
                    data = data[: self.cut_after - count]
                child.stdin.write(data)
                await child.stdin.drain()
                count += len(data)
                if count == self.cut_after:
                    self.cut_after = None
                    process.get_extra_info("connection").abort()
                    return
            child.stdin.close()
        except (ConnectionError, asyncssh.Error):
            pass
        finally:
            self.received.append((process.command, count))
            child.stdin.close()


async def _copy(source, sink):
    while data := await source.read(32768):
        sink.write(data)
        await sink.drain()
