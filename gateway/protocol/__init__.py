"""The wire, pure: bytes in, values out; values in, bytes out. No clock, no loop, no driver, no randomness."""
