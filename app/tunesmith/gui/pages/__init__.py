"""Own the pages, one module each; imported when a page is first shown."""
