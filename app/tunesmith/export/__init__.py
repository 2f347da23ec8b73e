"""Write profiles for other programs, one module per target."""
