"""What was said is found by any part of its words: an index over the signs, and pairs of signs, in a text.

Japanese has no spaces between words, and no text search of PostgreSQL's own cuts it. Whatever contains the words
looked for contains their signs and pairs of signs, too: the index finds the few texts that have them all.
"""

from django.db import migrations

PLAIN = """
CREATE FUNCTION messaging_plain(said text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN lower(normalize(said, NFKC))
"""
# Each entry carries the shop: one shop's common word does not lengthen another's search. OFFSET 0 lets the text be made
# plain once, and not again for each of its signs.
PAIRS = """
CREATE FUNCTION messaging_pairs(seller bigint, said text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ARRAY(
    SELECT DISTINCT seller || ' ' || made.pair
    FROM (
        SELECT sign, sign || lead(sign) OVER (ORDER BY place) AS both_signs
        FROM (SELECT string_to_array(messaging_plain(said), NULL) AS signs OFFSET 0) AS once,
            unnest(once.signs) WITH ORDINALITY AS each_sign (sign, place)
    ) AS found
    CROSS JOIN LATERAL (VALUES (found.sign), (found.both_signs)) AS made (pair)
    WHERE made.pair !~ '\\s'
)
"""


class Migration(migrations.Migration):
    dependencies = [("messaging", "0001_initial")]

    operations = [
        migrations.RunSQL(PLAIN, "DROP FUNCTION messaging_plain(text)"),
        migrations.RunSQL(PAIRS, "DROP FUNCTION messaging_pairs(bigint, text)"),
        migrations.RunSQL(
            "CREATE INDEX messages_by_words ON messaging_message USING gin (messaging_pairs(seller_id, text))",
            "DROP INDEX messages_by_words",
        ),
    ]
