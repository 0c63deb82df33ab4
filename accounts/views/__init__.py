"""Pages of people: signing in and out, and what each person sets for themselves."""
