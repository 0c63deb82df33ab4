"""What left the seller's hands: shipment confirmations."""
