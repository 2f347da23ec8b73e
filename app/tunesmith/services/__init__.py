"""Do what a user can ask for."""
