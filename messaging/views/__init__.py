"""Pages of the talks: the shop's and the buyer's."""
