"""Section 16 (K): training through masks."""
