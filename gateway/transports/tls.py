"""The certificate of the port: from two files to a context, and again when the files have changed.

Rules of the file: the only one that builds a TLS context. A new pair is tried in a context of its own first, so what
cannot be used changes nothing, and connections that are there keep what they began with. No path is shown: where a path
belongs, somebody may have put the key itself.
"""

import os
import ssl
import stat
from pathlib import Path

__all__ = ["Certificate", "TlsError"]

_OTHERS = 0o077  # any permission for group or others, as the settings have it for secrets


class TlsError(Exception):
    """Certificate and key cannot be used; the text is one sentence for the operator."""


class Certificate:
    """A certificate and its key.

    Args:
        chain: file of the certificate, and of those between it and the root, in PEM form.
        key: file of its private key, in PEM form and not encrypted, for nobody else to read.

    Attributes:
        context: for the next connection.

    Raises:
        TlsError: they cannot be used.
    """

    def __init__(self, chain: Path, key: Path) -> None:
        self._chain = chain
        self._key = key
        self.context = self._load()

    def reload(self) -> None:
        """Read both files again.

        Raises:
            TlsError: they cannot be used; what was read before stays in force.
        """
        self.context = self._load()

    def _load(self) -> ssl.SSLContext:
        _mode("server.tls_cert", self._chain)
        mode = _mode("server.tls_key", self._key)
        if mode & _OTHERS:
            raise TlsError(f"server.tls_key: the file has mode {mode:04o}, which lets others at it; use 0600")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.set_alpn_protocols(["http/1.1"])  # a WebSocket begins as HTTP/1.1 (RFC 6455 §4.1)
        try:
            context.load_cert_chain(self._chain, self._key, password=_refuse_to_ask)
        except ssl.SSLError as error:
            raise TlsError(self._sentence(error)) from None
        except OSError as error:
            raise TlsError(f"server.tls_cert, server.tls_key: cannot be read: {error.strerror}") from None
        return context

    def _sentence(self, error: ssl.SSLError) -> str:
        if error.reason == "KEY_VALUES_MISMATCH":
            return "server.tls_key: the key is not that of the certificate"
        try:
            ssl.create_default_context(cafile=self._chain)
        except ssl.SSLError:
            return "server.tls_cert: the file holds no certificate in PEM form"
        if error.reason:
            return f"server.tls_cert, server.tls_key: OpenSSL does not take them: {error.reason}"
        return "server.tls_key: the file holds no private key in PEM form"


def _mode(setting: str, file: Path) -> int:
    """Give the permission bits of a file that can be read."""
    try:
        with file.open("rb") as stream:
            stream.read(1)
            return stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
    except OSError as error:
        raise TlsError(f"{setting}: the file cannot be read: {error.strerror}") from None


def _refuse_to_ask() -> str:
    # Without this the library would ask for the password at the terminal, if there is one, and wait.
    raise TlsError("server.tls_key: the key is encrypted; give one that is not")
