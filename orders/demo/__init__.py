"""The demo shop: what it sells and to whom (`catalogue`), its orders in every state (`story`), and the everyday
business around them (`everyday`). All of it goes through the actions."""
