"""How fast the portal is: ratios to the same work as hand-written SQL, on the same rows, in the same run."""
