"""What was bought: orders, their items and their recipients."""
