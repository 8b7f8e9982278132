"""Section 04 (W, §5.1, Fig. 5): training heuristics."""
