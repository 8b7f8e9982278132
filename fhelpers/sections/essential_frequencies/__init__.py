"""Section 12 (K): training through masks."""
