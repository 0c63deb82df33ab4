"""Insert many rows of one table in one statement, straight from columns.

For the tables that every act writes: at a thousand orders a batch, making a model instance per row would cost
more than the database does.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection, models


def insert(model: type[models.Model], columns: Mapping[str, Sequence[Any]]) -> list[int]:
    """Insert one row per position of the columns and return their keys in that order.

    `columns` maps field names (`order_id` for a foreign key) to equally long lists; fields left out must have a
    default in the database or allow null. Values of JSON fields are plain Python values.
    """
    fields = [_field(model, name) for name in columns]
    values = [
        [json.dumps(value) for value in column] if isinstance(field, models.JSONField) else list(column)
        for field, column in zip(fields, columns.values(), strict=True)
    ]
    if not values or not values[0]:
        return []
    names = ", ".join(connection.ops.quote_name(str(field.column)) for field in fields)
    arrays = ", ".join(f"%s::{_array_of(field)}[]" for field in fields)
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        # Keys are drawn in the order of the rows, so sorting them brings them back into it.
        cursor.execute(
            f"INSERT INTO {table} ({names}) SELECT {names} "  # noqa: S608 - names come from the models
            f"FROM unnest({arrays}) WITH ORDINALITY AS n ({names}, place) ORDER BY place RETURNING id",
            values,
        )
        return sorted(key for (key,) in cursor.fetchall())


def _field(model: type[models.Model], name: str) -> models.Field:
    field = model._meta.get_field(name)
    if not isinstance(field, models.Field):
        raise TypeError(f"{name} of {model.__name__} is not a column")
    return field


def _array_of(field: models.Field) -> str:
    """The type to hand values over in. A cast to varchar(n) would cut off what is too long; text is refused."""
    return "text" if isinstance(field, models.CharField) else str(field.db_type(connection))
