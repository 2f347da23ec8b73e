"""Own the child process that runs an engine, and the handle that owns the child."""
