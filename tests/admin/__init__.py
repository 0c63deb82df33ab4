"""The operators' workplace."""
