"""A throw-away TLS certificate for 127.0.0.1, so that policies which demand TLS are met by TLS.

It needs neither the `openssl` command nor a package: both may be missing where Python is. The key is made for one
run, guards nothing but the loopback interface of that run, and is deleted with it; it is good for nothing else.
"""

import base64
import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

VALID_FOR = timedelta(days=2)

# The curve P-256 (FIPS 186-4, D.1.2.3): y^2 = x^3 - 3x + b over the field of P, with the base point G of order N.
P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
Point = tuple[int, int]

_EC_PUBLIC_KEY, _P256, _ECDSA_SHA256 = "1.2.840.10045.2.1", "1.2.840.10045.3.1.7", "1.2.840.10045.4.3.2"
_COMMON_NAME, _BASIC_CONSTRAINTS, _SUBJECT_ALT_NAME = "2.5.4.3", "2.5.29.19", "2.5.29.17"


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a self-signed certificate and its private key, as PEM; return their paths."""
    secret = 1 + secrets.randbelow(N - 1)
    public = _multiply(secret, G)
    point = b"\4" + _octets(public[0]) + _octets(public[1])
    body = _certificate_body(point)
    certificate = _sequence(body, _algorithm(_ECDSA_SHA256), _bits(_sign(secret, body)))
    key = _sequence(_integer(1), _tlv(0x04, _octets(secret)), _tlv(0xA0, _oid(_P256)), _tlv(0xA1, _bits(point)))
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_text(_pem("CERTIFICATE", certificate))
    key_file.touch(mode=0o600)
    key_file.write_text(_pem("EC PRIVATE KEY", key))
    return certificate_file, key_file


def _certificate_body(public_point: bytes) -> bytes:
    now = datetime.now(UTC)
    name = _sequence(_tlv(0x31, _sequence(_oid(_COMMON_NAME), _tlv(0x0C, b"local run"))))
    addresses = _sequence(_tlv(0x82, b"localhost"), _tlv(0x87, bytes([127, 0, 0, 1])))
    extensions = _sequence(
        _sequence(_oid(_BASIC_CONSTRAINTS), _tlv(0x01, b"\xff"), _tlv(0x04, _sequence())),
        _sequence(_oid(_SUBJECT_ALT_NAME), _tlv(0x04, addresses)),
    )
    return _sequence(
        _tlv(0xA0, _integer(2)),
        _integer(1 + secrets.randbits(64)),
        _algorithm(_ECDSA_SHA256),
        name,
        _sequence(_time(now - timedelta(hours=1)), _time(now + VALID_FOR)),
        name,
        _sequence(_algorithm(_EC_PUBLIC_KEY, _oid(_P256)), _bits(public_point)),
        _tlv(0xA3, extensions),
    )


def _sign(secret: int, message: bytes) -> bytes:
    """Return the ECDSA signature of the message's SHA-256 (FIPS 186-4, 6)."""
    digest = int.from_bytes(hashlib.sha256(message).digest())
    while True:
        nonce = 1 + secrets.randbelow(N - 1)
        r = _multiply(nonce, G)[0] % N
        s = pow(nonce, -1, N) * (digest + r * secret) % N
        if r and s:
            return _sequence(_integer(r), _integer(s))


def _multiply(factor: int, point: Point) -> Point:
    """Return factor x point, for 0 < factor < N, by doubling and adding."""
    total: Point | None = None
    while factor:
        if factor & 1:
            total = point if total is None else _add(total, point)
        point, factor = _add(point, point), factor >> 1
    assert total is not None
    return total


def _add(a: Point, b: Point) -> Point:
    """Return the sum of two points that are not each other's negative."""
    slope = (3 * a[0] ** 2 - 3) * pow(2 * a[1], -1, P) if a == b else (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope**2 - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def _octets(number: int) -> bytes:
    return number.to_bytes(32)


def _tlv(tag: int, content: bytes) -> bytes:
    """Return a DER value: tag, length, content (X.690)."""
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def _sequence(*parts: bytes) -> bytes:
    return _tlv(0x30, b"".join(parts))


def _integer(number: int) -> bytes:
    return _tlv(0x02, number.to_bytes(number.bit_length() // 8 + 1))


def _bits(content: bytes) -> bytes:
    return _tlv(0x03, b"\0" + content)


def _oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    content = bytes([40 * first + second])
    for number in rest:
        groups = [number & 0x7F]
        while number := number >> 7:
            groups.append(0x80 | number & 0x7F)
        content += bytes(reversed(groups))
    return _tlv(0x06, content)


def _algorithm(dotted: str, *parameters: bytes) -> bytes:
    return _sequence(_oid(dotted), *parameters)


def _time(moment: datetime) -> bytes:
    return _tlv(0x17, moment.strftime("%y%m%d%H%M%SZ").encode())


def _pem(label: str, content: bytes) -> str:
    text = base64.encodebytes(content).decode()
    return f"-----BEGIN {label}-----\n{text}-----END {label}-----\n"
