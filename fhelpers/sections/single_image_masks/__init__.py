"""Section 13 (K): the masks of single images."""
