"""Section 06 (W, §5.2, Fig. 6): BatchNorm."""
