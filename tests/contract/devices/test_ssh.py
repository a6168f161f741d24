"""The real ssh client against a real server on the loopback address, and what goes wrong on the way."""

from __future__ import annotations

import hashlib
import os
import socket
import time

import asyncssh
import pytest

from inkport.core.errors import DeviceError, DeviceTimeoutError, DeviceUnavailableError
from inkport.runtimes.devices.device import check, parse_address
from inkport.runtimes.devices.files import digest_of, pull, push
from inkport.runtimes.devices.transport import SshDevice


def test_a_script_runs_in_the_login_folder_and_its_ending_comes_back(device, server):
    (server.home / "here").touch()
    ran = device.run('ls; echo "it\'s $((6 * 7))"; echo hm >&2; exit 3')
    assert (ran.code, ran.out, ran.err) == (3, "here\nit's 42\n", "hm\n")


@pytest.mark.parametrize("code", [0, 1, 254, 255])
def test_an_exit_code_of_the_script_is_never_taken_for_one_of_ssh(device, code):
    assert device.run(f"exit {code}").code == min(code, 254)


def test_files_go_and_come_back_as_they_are(device, server, tmp_path, rng):
    source = tmp_path / "kit"
    source.write_bytes(rng.bytes(300_000))
    assert push(device, source, "bench/it's here/kit")
    assert (server.home / "bench" / "it's here" / "kit").read_bytes() == source.read_bytes()
    assert [path.name for path in (server.home / "bench" / "it's here").iterdir()] == ["kit"]
    pull(device, "bench/it's here/kit", tmp_path / "back" / "kit")
    assert (tmp_path / "back" / "kit").read_bytes() == source.read_bytes()
    assert [path.name for path in (tmp_path / "back").iterdir()] == ["kit"]


def test_what_the_device_has_already_is_not_sent_again(device, server, tmp_path, rng):
    source = tmp_path / "kit"
    source.write_bytes(rng.bytes(100_000))
    assert push(device, source, "bench/kit")
    server.received.clear()
    assert not push(device, source, "bench/kit")
    assert sum(count for _, count in server.received) == 0
    source.write_bytes(rng.bytes(100_000))
    assert push(device, source, "bench/kit")
    assert (server.home / "bench" / "kit").read_bytes() == source.read_bytes()


def test_a_push_that_was_cut_off_goes_on_where_it_stopped(device, server, tmp_path, rng):
    source = tmp_path / "kit"
    source.write_bytes(rng.bytes(3_000_000))
    server.cut_after = 1_000_000
    with pytest.raises(DeviceUnavailableError, match="ssh gave up") as raised:
        push(device, source, "bench/kit")
    assert "goes on where this one stopped" in raised.value.remedy
    assert not (server.home / "bench" / "kit").exists(), "half a file under the whole one's name"
    (part,) = (server.home / "bench").iterdir()
    there = settled_size(part)
    assert 0 < there <= 1_000_000
    server.received.clear()
    assert push(device, source, "bench/kit")
    assert sum(count for _, count in server.received) == 3_000_000 - there
    assert (server.home / "bench" / "kit").read_bytes() == source.read_bytes()


def settled_size(path):
    """Return the size once what the cut left in flight has been written."""
    size = -1
    while size != (size := path.stat().st_size):
        time.sleep(0.1)
    return size


def test_a_beginning_that_is_damaged_is_thrown_away(device, server, tmp_path, rng):
    source = tmp_path / "kit"
    source.write_bytes(rng.bytes(50_000))
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    (server.home / "bench").mkdir()
    (server.home / "bench" / f"kit.{digest[:16]}.part").write_bytes(b"something else")
    assert push(device, source, "bench/kit")
    assert (server.home / "bench" / "kit").read_bytes() == source.read_bytes()


def test_a_file_that_never_arrives_whole_is_an_error(device, server, tmp_path):
    source = tmp_path / "kit"
    source.write_bytes(b"x" * 1000)
    tool(server, "cat", "head -c 999")
    with pytest.raises(DeviceError, match=r"arrives damaged: its digest there is [0-9a-f]{64}"):
        push(device, source, "bench/kit")
    assert list((server.home / "bench").iterdir()) == []


def test_a_result_that_arrives_damaged_replaces_nothing(device, server, tmp_path):
    (server.home / "result").write_bytes(b"y" * 1000)
    (tmp_path / "result").write_text("of before")
    tool(server, "cat", 'head -c 999 "$1"')
    with pytest.raises(DeviceError, match="arrives damaged"):
        pull(device, "result", tmp_path / "result")
    assert (tmp_path / "result").read_text() == "of before"
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith((".", "result"))) == ["result"]


def tool(server, name, script):
    """Put a program of this name before the system's own on the device's path."""
    folder = server.home / "tools"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    server.environment["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return folder


def test_a_full_disk_is_told_with_its_remedy(device, server, tmp_path):
    source = tmp_path / "kit"
    source.write_bytes(b"x" * 100_000)
    tool(server, "cat", "exec /bin/cat > /dev/full")
    with pytest.raises(DeviceError, match="No space left on device") as raised:
        push(device, source, "bench/kit")
    assert raised.value.remedy.startswith("free space on the device")


def test_a_folder_that_may_not_be_written_is_told_with_its_remedy(device, tmp_path):
    (tmp_path / "kit").write_bytes(b"x")
    with pytest.raises(DeviceError, match=r"making the folder /proc/bench failed with exit code"):
        push(device, tmp_path / "kit", "/proc/bench/kit")


def test_a_file_that_is_not_there_is_an_error(device, tmp_path):
    assert digest_of(device, "nowhere") is None
    with pytest.raises(DeviceError, match="looking for nowhere failed"):
        pull(device, "nowhere", tmp_path / "it")
    assert not (tmp_path / "it").exists()


def test_a_device_without_a_program_for_digests_says_so(device, server):
    (server.home / "file").touch()
    tools = tool(server, "wc", "true")
    (tools / "sh").symlink_to("/bin/sh")
    server.environment["PATH"] = str(tools)
    with pytest.raises(DeviceError, match="sha256sum, shasum or openssl: none is there") as raised:
        digest_of(device, "file")
    assert "coreutils" in raised.value.remedy


def test_a_script_that_hangs_is_ended_here(device):
    with pytest.raises(DeviceTimeoutError, match="did not end within 1 s"):
        device.run("sleep 5", timeout_s=1)


def test_the_wrong_host_key_is_refused(server, monkeypatch):
    other = asyncssh.generate_private_key("ssh-ed25519")
    monkeypatch.setenv("INKPORT_SSH", f"ssh -F {server.config(host_key=other)}")
    with pytest.raises(DeviceUnavailableError, match="Host key verification failed") as raised:
        SshDevice(parse_address(f"ssh://127.0.0.1:{server.port}")).run("true")
    assert "ssh-keygen -R 127.0.0.1" in raised.value.remedy


def test_an_unknown_host_is_refused(server, address, monkeypatch):
    monkeypatch.setenv("INKPORT_SSH", f"ssh -F {server.config(host_key=False)}")
    with pytest.raises(DeviceUnavailableError, match="Host key verification failed") as raised:
        SshDevice(parse_address(address)).run("true")
    assert "compare the fingerprint" in raised.value.remedy


def test_a_stranger_is_refused_without_a_question(server, address, tmp_path, monkeypatch):
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(tmp_path / "other")
    (tmp_path / "other").chmod(0o600)
    monkeypatch.setenv("INKPORT_SSH", f"ssh -F {server.config(identity=tmp_path / 'other')}")
    with pytest.raises(DeviceUnavailableError, match="Permission denied") as raised:
        SshDevice(parse_address(address)).run("true")
    assert "ssh-copy-id 127.0.0.1" in raised.value.remedy


@pytest.mark.usefixtures("server")
def test_nobody_listens():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(DeviceUnavailableError, match="Connection refused") as raised:
            SshDevice(parse_address(f"ssh://127.0.0.1:{port}")).run("true")
    assert "ssh://127.0.0.1:PORT" in raised.value.remedy


def test_no_ssh_client(address, monkeypatch):
    monkeypatch.setenv("INKPORT_SSH", "no-such-ssh")
    with pytest.raises(DeviceUnavailableError, match="no-such-ssh does not start") as raised:
        SshDevice(parse_address(address)).run("true")
    assert "OpenSSH" in raised.value.remedy


def test_check_names_the_deed_and_the_last_lines(device):
    with pytest.raises(DeviceError, match=r"counting failed with exit code 7:\n  3\n  4\n  5\n  6\n  7$"):
        check(device, device.run("for i in 1 2 3 4 5 6 7; do echo $i >&2; done; exit 7"), "counting")
