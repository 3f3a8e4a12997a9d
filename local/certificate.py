"""A TLS certificate for 127.0.0.1 and one run, since the queues' policies demand TLS."""

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Certificate:
    """Files in PEM: the authority that clients trust, and the server's certificate chain and private key."""

    authority: Path
    chain: Path
    key: Path


def write_certificate(folder: Path) -> Certificate:
    """Create an authority and a certificate for one run, without `openssl`, which may be missing."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    certificate = Certificate(folder / "authority.pem", folder / "certificate.pem", folder / "key.pem")
    authority.cert_pem.write_to_path(str(certificate.authority))
    issued.private_key_pem.write_to_path(str(certificate.key))
    for number, part in enumerate(issued.cert_chain_pems):
        part.write_to_path(str(certificate.chain), append=number > 0)
    return certificate
