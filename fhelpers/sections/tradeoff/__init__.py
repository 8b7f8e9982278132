"""Section 09 (W, §3.2, Corollary 1): accuracy against robustness."""
