"""Claims about docs/, and the site that is made of it."""
