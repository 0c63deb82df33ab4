"""What cancellations do to a seller: the cancellation rate, its states, snapshots, disputes."""
