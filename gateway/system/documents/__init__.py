"""The documents that describe the API to machines: OpenAPI for HTTP, AsyncAPI for the socket."""

from gateway.system.documents.actions import DocumentsController

__all__ = ["DocumentsController"]
