"""How the admin writes moments and days: the same in both languages, and never without their zone."""
