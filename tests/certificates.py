"""Certificates for tests: an authority of the test's own, the files that a server reads, and a client's trust."""

import ssl
from pathlib import Path

import trustme

__all__ = ["Authority"]


class Authority:
    """Issues certificates for this machine into a folder.

    Attributes:
        chain: file of the certificate.
        key: file of its key.
        trust: a client's context, which believes this authority and nobody else.
        certificate: the first one, in DER form.
    """

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self.chain = folder / "chain.pem"
        self.key = folder / "key.pem"
        self.trust = ssl.create_default_context()
        self._authority.configure_trust(self.trust)
        self.certificate = self.issue()

    def issue(self) -> bytes:
        """Put a new pair in place of the old one; give the certificate in DER form, as a client sees it."""
        pair = self._authority.issue_cert("localhost", "127.0.0.1", "::1")
        self.chain.write_bytes(b"".join(pem.bytes() for pem in pair.cert_chain_pems))
        self.key.touch(0o600)
        self.key.write_bytes(pair.private_key_pem.bytes())
        return ssl.PEM_cert_to_DER_cert(pair.cert_chain_pems[0].bytes().decode())
