"""Own the tests of exports and of what reads them."""
