"""Own the widgets that several pages use."""
