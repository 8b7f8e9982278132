"""Notebooks as pages, the scorecard, the explorer and the PDF."""
