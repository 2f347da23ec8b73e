"""Write profiles for other programs, one module per target; and read their configuration back."""
