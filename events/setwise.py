"""Write many rows in one statement, straight from columns: insert rows with their children, change rows of several
tables at once.

For the tables that every act writes: at a thousand orders a batch, making a model instance per row would cost
more than the database does; and for one order, each statement less is a way to the database less under its lock.
"""

# ruff: noqa: S608 - names of tables and columns come from the models, values are parameters
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, connection, models

Columns = Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that belong to rows inserted in the same statement.

    `parents` gives for each row the place of its parent, `link` the field that takes the parent's key; in the
    fields of `suffixed` the parent's key comes before the given text.
    """

    model: type[models.Model]
    link: str
    parents: Sequence[int]
    columns: Columns
    suffixed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Change:
    """New values of rows of one table; `columns` names the keys as `id`.

    `only` is the condition, on the row as `o` and its new values as `n`, under which a row may be written; if it
    does not hold for one of them, nothing at all is written and `otherwise` says why.
    """

    model: type[models.Model]
    columns: Columns
    only: str = "true"
    otherwise: str = "a row was changed although its order was locked"


def insert(model: type[models.Model], columns: Columns, *children: Rows) -> list[int]:
    """Insert one row per position of the columns, with its children, and return their keys in that order.

    `columns` maps field names (`order_id` for a foreign key) to equally long lists; fields left out must have a
    default in the database or allow null. Values of JSON fields are plain Python values.
    """
    given = _Given(model, columns)
    if not given.count:
        return []
    # Keys are drawn in the order of the rows.
    drawn = f"SELECT nextval(pg_get_serial_sequence('{given.table}', 'id')) AS id, n.*"
    parts = [
        f"parent AS ({drawn} FROM (SELECT * FROM {given.rows} ORDER BY place) AS n)",
        f"parents AS (INSERT INTO {given.table} (id, {given.names}) SELECT id, {given.names} FROM parent)",
    ]
    values = list(given.values)
    for number, child in enumerate(children):
        rows = _Given(child.model, child.columns, parents=child.parents)
        if not rows.count:
            continue
        link = connection.ops.quote_name(str(_field(child.model, child.link).column))
        taken = ", ".join(
            f"parent.id || n.{name}" if of in child.suffixed else f"n.{name}"
            for of, name in zip(child.columns, rows.names.split(", "), strict=True)
        )
        parts.append(
            f"child_{number} AS (INSERT INTO {rows.table} ({link}, {rows.names})"
            f" SELECT parent.id, {taken} FROM {rows.rows}"
            f" JOIN parent ON parent.place = n.of_place + 1 ORDER BY n.place)"
        )
        values += rows.values
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {', '.join(parts)} SELECT id FROM parent ORDER BY place", values)
        return [key for (key,) in cursor.fetchall()]


def insert_all(rows: Sequence[models.Model]) -> None:
    """Insert new rows of one model as they stand in memory, and give them their keys."""
    if not rows:
        return
    model = type(rows[0])
    names = [field.attname for field in model._meta.concrete_fields if not field.primary_key]
    keys = insert(model, {name: [getattr(row, name) for row in rows] for name in names})
    for row, key in zip(rows, keys, strict=True):
        row.pk = key


def update(*changes: Change) -> None:
    """Write all these changes in one statement.

    Raises IntegrityError if a row may not be written, and so undoes the transaction.
    """
    wanted = [(change, _Given(change.model, change.columns)) for change in changes]
    wanted = [(change, given) for change, given in wanted if given.count]
    if not wanted:
        return
    parts = []
    for number, (change, given) in enumerate(wanted):
        names = given.names.split(", ")
        taken = ", ".join(f"{name} = n.{name}" for name in names if name != '"id"')
        parts.append(
            f"changed_{number} AS (UPDATE {given.table} AS o SET {taken} FROM {given.rows}"
            f" WHERE o.id = n.id AND {change.only} RETURNING 1)"
        )
    counts = ", ".join(f"(SELECT count(*) FROM changed_{number})" for number in range(len(wanted)))
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {', '.join(parts)} SELECT {counts}", [each for _, given in wanted for each in given.values]
        )
        for (change, given), count in zip(wanted, cursor.fetchone(), strict=True):
            if count != given.count:
                raise IntegrityError(change.otherwise)


class _Given:
    """Columns as the rows of a FROM clause, numbered by `place` from 1; `parents` is a column that is not stored."""

    def __init__(
        self, model: type[models.Model], columns: Columns, *, parents: Sequence[int] | None = None
    ) -> None:
        fields = [_field(model, name) for name in columns]
        quoted = [connection.ops.quote_name(str(of.column)) for of in fields]
        self.table = connection.ops.quote_name(model._meta.db_table)
        self.names = ", ".join(quoted)
        self.values = [
            [json.dumps(value) for value in column] if isinstance(of, models.JSONField) else list(column)
            for of, column in zip(fields, columns.values(), strict=True)
        ]
        kinds = [_array_of(of) for of in fields]
        if parents is not None:
            quoted, kinds = ["of_place", *quoted], ["int", *kinds]
            self.values = [list(parents), *self.values]
        self.count = len(self.values[0]) if self.values else 0
        arrays = ", ".join(f"%s::{kind}[]" for kind in kinds)
        self.rows = f"unnest({arrays}) WITH ORDINALITY AS n ({', '.join(quoted)}, place)"


def _field(model: type[models.Model], name: str) -> models.Field:
    field = model._meta.get_field(name)
    if not isinstance(field, models.Field):
        raise TypeError(f"{name} of {model.__name__} is not a column")
    return field


def _array_of(field: models.Field) -> str:
    """The type to hand values over in. A cast to varchar(n) would cut off what is too long; text is refused."""
    return "text" if isinstance(field, models.CharField) else str(field.db_type(connection))
