"""Pages about orders: one module per reader."""
