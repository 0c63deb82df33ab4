"""Who acts: people, sellers and the roles they hold."""
