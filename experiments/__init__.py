"""Entry points: they own the flags, and call the library."""
