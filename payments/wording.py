"""The words of what the built-in test provider can be made to do."""

from django.utils.translation import gettext_lazy as _

from .providers import test

# How the provider shall answer for a test order: by its method of payment.
TEST_ANSWERS = (
    ("", _("すぐに成功する")),
    (test.LOSES_ANSWERS, _("処理されるが、最初の応答が届かない")),
    (test.DOWN, _("応答がない")),
    (test.REFUSES_REFUNDS, _("返金を拒否する")),
)
