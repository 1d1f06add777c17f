"""
What sslyze finds at the FTPS port, and whether clients go on with their session on data connections (bar A16).

Bars: nothing below TLS 1.2, no suite without forward secrecy and authenticated encryption; curl and lftp upload where
``tls_reuse`` is required.  FileZilla is driven by ``tests.functional.test_ftp_filezilla``.
"""

import json
import subprocess
from urllib.parse import quote

from tests.acceptance import rig
from tests.acceptance.ftp_rig import FtpHouse
from tests.functional.ftp import certificate
from tests.functional.processes import scratch
from tests.functional.swift import PASSWORD, USER

OLD = ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1")
NEW = ("tls_1_2", "tls_1_3")
GOOD = ("GCM", "CHACHA20_POLY1305", "CCM")


def suites(port: int) -> dict[str, list[str]]:
    """Names of the suites that are accepted, by version."""
    result = scratch() / "sslyze.json"
    argv = [rig.tool("sslyze"), "--starttls=ftp", f"--json_out={result}", f"127.0.0.1:{port}"]
    argv += [f"--{version}" for version in ("sslv2", "sslv3", "tlsv1", "tlsv1_1", "tlsv1_2", "tlsv1_3")]
    subprocess.run(argv, capture_output=True, check=False)
    found = json.loads(result.read_text())["server_scan_results"][0]["scan_result"]
    names = {version: found[f"{version}_cipher_suites"]["result"]["accepted_cipher_suites"] for version in OLD + NEW}
    return {version: [suite["cipher_suite"]["name"] for suite in accepted] for version, accepted in names.items()}


def main() -> None:
    rig.options(__doc__)
    house, bars = FtpHouse({"tls_reuse": "required", "require_tls_data": "yes"}), rig.Bars()
    port = house.gateway.port
    found = suites(port)
    for version, names in found.items():
        print(f"      {version}: {', '.join(names) or 'none'}")
    bars.at_most("suites below TLS 1.2", sum(len(found[version]) for version in OLD), 0)
    bars.at_least("suites of TLS 1.2 and 1.3", sum(len(found[version]) for version in NEW), 2)
    weak = [name for name in found["tls_1_2"] if "ECDHE" not in name]
    weak += [name for version in NEW for name in found[version] if not any(good in name for good in GOOD)]
    bars.at_most(f"suites that are not of grade A {weak}", len(weak), 0)
    source = scratch() / "source"
    source.write_bytes(b"resumed" * 100_000)
    url = f"ftp://{quote(USER, safe='')}:{PASSWORD}@127.0.0.1:{port}/{rig.CONTAINER}"
    curl = [rig.tool("curl"), "-sS", "--ssl-reqd", "--cacert", str(certificate()), "-T", str(source), f"{url}/curl"]
    settings = f"set ssl:ca-file {certificate()}; set ftp:ssl-force yes; set ftp:ssl-protect-data yes"
    put = f"{settings}; open -u {USER},{PASSWORD} 127.0.0.1:{port}; put {source} -o /{rig.CONTAINER}/lftp; bye"
    for name, argv in (("curl", curl), ("lftp", [rig.tool("lftp"), "-c", put])):
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        stored = house.store.get(rig.CONTAINER, name) == source.read_bytes()
        bars.at_least(f"{name} goes on with its session{' ' + done.stderr[-200:] if done.stderr else ''}", stored, 1)
    house.gateway.stop()
    house.close()
    bars.finish()


if __name__ == "__main__":
    main()
