"""Page 19 (W, §9): frequency reports of the book's own networks."""
