"""What happened and who must still be told: history and outbox in one."""
