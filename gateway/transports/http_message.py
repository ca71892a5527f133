"""What the parser of HTTP finds in one message: the callbacks of httptools.

Rules of the file: keeps, and judges nothing; the names of the methods are the library's.
"""

__all__ = ["Message"]


class Message:
    """One message, as far as it was parsed.

    Attributes:
        target: of the request line.
        headers: in order, names in lower case.
        body: in pieces.
        size: of the body so far, in bytes.
        has_head: the head was parsed to its end.
        is_complete: the message was.
        is_overrun: another message began behind it in the same bytes.
    """

    __slots__ = ("body", "has_head", "headers", "is_complete", "is_overrun", "size", "target")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget it: the next one begins."""
        self.target = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.body: list[bytes] = []
        self.size = 0
        self.has_head = self.is_complete = self.is_overrun = False

    def on_message_begin(self) -> None:
        """Another message in the bytes of a chunked one: where it began is not told, so it is lost."""
        self.is_overrun = self.is_complete

    def on_url(self, url: bytes) -> None:
        """Keep the target."""
        if not self.is_overrun:
            self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, without the blanks that the parser leaves; trailers mean nothing here (RFC 9110 §6.5.1)."""
        if not self.has_head:
            self.headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """From here on it is body."""
        self.has_head = True

    def on_body(self, data: bytes) -> None:
        """Keep a piece."""
        if not self.is_overrun:
            self.size += len(data)
            self.body.append(data)

    def on_message_complete(self) -> None:
        """It is whole."""
        self.is_complete = True
