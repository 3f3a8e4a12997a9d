"""A throw-away TLS certificate for 127.0.0.1, so that policies which demand TLS are met by TLS."""

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Certificate:
    """Files in PEM: what a client trusts, and what a server shows and keeps to itself."""

    authority: Path
    chain: Path
    key: Path


def write_certificate(folder: Path) -> Certificate:
    """Make an authority and a certificate for one run; `openssl`, which MiniStack would call, may be missing."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    certificate = Certificate(folder / "authority.pem", folder / "certificate.pem", folder / "key.pem")
    authority.cert_pem.write_to_path(str(certificate.authority))
    issued.private_key_pem.write_to_path(str(certificate.key))
    for number, part in enumerate(issued.cert_chain_pems):
        part.write_to_path(str(certificate.chain), append=number > 0)
    return certificate
