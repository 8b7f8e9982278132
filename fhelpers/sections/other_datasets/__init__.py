"""Section 07 (W, §4): section 02 on other data sets."""
