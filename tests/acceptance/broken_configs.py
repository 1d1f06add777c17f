"""
The server, started with each of fifty broken configurations (bar A28).

Bars: all end with status 78, say which section and option is wrong, and show no traceback.
"""

import subprocess
from concurrent.futures import ThreadPoolExecutor

from tests.acceptance import rig
from tests.functional.processes import scratch

BROKEN = (
    "sftp port = x",
    "sftp port = -1",
    "sftp port = 65536",
    "sftp port =",
    "sftp listen = x:y",
    "sftp listen = tcp:99999",
    "sftp listen = haproxy:tcp:65536",
    "sftp listen = unix:/nonexistent/s",
    "sftp listen = unix:/dev/null",
    "sftp host_keys = /nonexistent",
    "sftp host_keys = /dev/null",
    "sftp priv_key = /nonexistent",
    "sftp auth_url = ftp://x",
    "sftp auth_url = nonsense",
    "sftp drain_timeout = soon",
    "sftp drain_timeout = -1",
    "ssh policy = best",
    "ssh login_grace = -5",
    "ssh max_failures = many",
    "ssh rekey_bytes = 1 MB or so",
    "ssh prefer_fast_ciphers = perhaps",
    "auth auth_url = ftp://x",
    "auth auth_type = nonsense",
    "auth cloud = nonsense",
    "auth authorized_keys = /nonexistent",
    "auth timeout = y",
    "auth timeout = nan",
    "throttle exempt = everybody",
    "throttle exempt = 10.0.0.0/99",
    "throttle most = x",
    "limits total = 1.5",
    "limits per_peer = x",
    "limits startups_start = -1",
    "transfer segment_size = huge",
    "transfer segment_size = -1",
    "log level = loud",
    "log format = xml",
    "web port = 70000",
    "web listen = x:y",
    "sftp storage = floppy",
    "ftp port = 21.0",
    "ftp listen = tcp:21, tcp6:-1",
    "ftp implicit_listen = tcp:990",
    "ftp require_tls_login = yes",
    "ftp require_tls_data = yes",
    "ftp private_key = /x",
    "ftp client_ca = /x",
    "ftp client_certificate = required",
    "ftp certificate = /nonexistent",
    "ftp passive_ports = 20-10",
)
"""Section, option and value."""


def complaint(number: int) -> str:
    """What is wrong with what is said of one of them; empty: nothing."""
    section, line = BROKEN[number].split(" ", 1)
    path = scratch() / f"broken-{number}.conf"
    path.write_text(f"[{section}]\n{line}\n")
    argv = [rig.tool("swftp"), "serve", "-c", str(path)]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    except subprocess.TimeoutExpired:
        return "it was started"
    told = done.stderr
    if done.returncode != 78:
        return f"status {done.returncode}"
    if "Traceback" in told + done.stdout:
        return "a traceback"
    option = line.split(" ", 1)[0]
    return "" if f"[{section}]" in told and option in told else f"not clear: {told.strip()[-200:]}"


def main() -> None:
    rig.options(__doc__)
    bars = rig.Bars()
    with ThreadPoolExecutor(2) as pool:
        complaints = list(pool.map(complaint, range(len(BROKEN))))
    for text, found in zip(BROKEN, complaints, strict=True):
        if found:
            print(f"      {text}: {found}")
    bars.at_least("broken configurations", len(BROKEN), 50)
    bars.at_most("of them not refused as they should be", sum(map(bool, complaints)), 0)
    bars.finish()


if __name__ == "__main__":
    main()
