"""The other face of the wire: HTTP requests → requests, answers → HTTP responses; pure (http.md)."""
