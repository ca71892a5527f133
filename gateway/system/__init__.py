"""What concerns the gateway itself rather than anybody in it."""
