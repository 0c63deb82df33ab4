"""What buyer and seller say to each other about one order."""
