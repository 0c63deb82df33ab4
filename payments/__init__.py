"""What was reserved, charged and refunded, behind one small provider interface."""
