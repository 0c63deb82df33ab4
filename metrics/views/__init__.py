"""Pages of the rate, its neighbours and disputes; by who looks."""
