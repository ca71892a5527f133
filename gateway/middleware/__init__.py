"""One endpoint around the next: each file a middleware, each middleware a question asked of every request."""
