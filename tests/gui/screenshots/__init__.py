"""Pictures of every page, to look at and compare with: ``python -m tests.gui.screenshots OUT [SCENE …]``."""
