"""The edge: sockets on one side, frames on the other."""
