"""Section 17 (K): the masks of single images."""
