"""Words of the forms: what reports list, how they are written, how often they come."""

from django.utils.translation import gettext_lazy as _

from .rules import Encoding, Every, Kind

KINDS = [
    (Kind.UNSHIPPED.value, _("未出荷の注文")),
    (Kind.ACTIONABLE.value, _("未出荷の注文（出荷期限つき）")),
    (Kind.ALL_BY_ORDER_DATE.value, _("すべての注文（注文日）")),
    (Kind.ALL_BY_LAST_UPDATE.value, _("すべての注文（最終更新日）")),
    (Kind.CANCELLATIONS.value, _("キャンセルした商品")),
]
ENCODINGS = [(Encoding.UTF_8.value, "UTF-8"), (Encoding.CP932.value, "Shift_JIS (CP932)")]
EVERY = [(Every.DAY.value, _("毎日")), (Every.WEEK.value, _("毎週月曜日"))]
