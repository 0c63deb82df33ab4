"""People who sign in, shops, and who holds which role where."""

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _


class UserManager(BaseUserManager["User"]):
    """Makes people; the e-mail address is the name they sign in with."""

    def create_user(self, email: str, password: str | None = None, **fields) -> "User":
        """Store a person under a lower-cased address; without a password nobody can sign in as them."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields) -> "User":
        """Store an operator who may do everything in the admin."""
        return self.create_user(
            email, password, is_staff=True, is_superuser=True, operator_role=User.OperatorRole.ADMIN, **fields
        )

    def get_by_natural_key(self, email: str | None) -> "User":
        """Find a person by address in any case."""
        return self.get(email=(email or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person signing in by e-mail: buyer, seller's staff or operator."""

    class Language(models.TextChoices):
        JA = "ja", "日本語"
        EN = "en", "English"

    class Look(models.TextChoices):
        AUTO = "auto", _("自動")
        LIGHT = "light", _("ライト")
        DARK = "dark", _("ダーク")

    class OperatorRole(models.TextChoices):
        NONE = "", _("なし")
        SUPPORT = "SUPPORT", _("サポート")
        RISK = "RISK", _("リスク")
        POLICY = "POLICY", _("ポリシー")
        ADMIN = "ADMIN", _("管理者")

    email = models.EmailField(_("メールアドレス"), unique=True)
    name = models.CharField(_("氏名"), max_length=100)
    language = models.CharField(_("言語"), max_length=5, choices=Language, default=Language.JA)
    look = models.CharField(_("表示"), max_length=5, choices=Look, default=Look.AUTO)
    refuses_unimportant_messages = models.BooleanField(_("重要ではないメッセージを受信しない"), default=False)
    operator_role = models.CharField(
        _("オペレーターの役割"), max_length=10, choices=OperatorRole, blank=True, default=OperatorRole.NONE
    )
    is_staff = models.BooleanField(_("オペレーター"), default=False)
    is_active = models.BooleanField(_("有効"), default=True)
    joined_at = models.DateTimeField(_("登録日時"), auto_now_add=True)

    objects = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    class Meta:
        verbose_name = verbose_name_plural = _("人")
        constraints = [
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="email_is_lower_case"),
        ]

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


class LoginAttempt(models.Model):
    """One failed sign-in, kept for throttling (reliability S-11)."""

    email = models.CharField(_("メールアドレス"), max_length=254)
    address = models.GenericIPAddressField(_("IPアドレス"))
    failed_at = models.DateTimeField(_("失敗日時"))

    class Meta:
        verbose_name = verbose_name_plural = _("ログインの失敗")
        indexes = [
            models.Index(fields=["email", "failed_at"], name="failed_sign_ins_of_account"),
            models.Index(fields=["address", "failed_at"], name="failed_sign_ins_of_address"),
        ]

    def __str__(self) -> str:
        return f"{self.email} {self.address} {self.failed_at:%Y-%m-%d %H:%M:%S}"


class Seller(models.Model):
    """A shop."""

    name = models.CharField(_("店舗名"), max_length=100)
    merchant_id = models.CharField(_("出品者ID"), max_length=32, unique=True)
    created_at = models.DateTimeField(_("登録日時"), auto_now_add=True)

    class Meta:
        verbose_name = verbose_name_plural = _("出品者")

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """What a person may do in a shop."""

    class Role(models.TextChoices):
        OWNER = "OWNER", _("オーナー")
        ORDER_STAFF = "ORDER_STAFF", _("注文担当")
        READ_ONLY = "READ_ONLY", _("閲覧のみ")

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships", verbose_name=_("人"))
    seller = models.ForeignKey(Seller, models.CASCADE, related_name="memberships", verbose_name=_("出品者"))
    role = models.CharField(_("役割"), max_length=12, choices=Role)

    class Meta:
        verbose_name = verbose_name_plural = _("店舗の役割")
        constraints = [
            models.UniqueConstraint(fields=["seller", "user"], name="one_role_per_person_and_shop"),
        ]

    def __str__(self) -> str:
        return f"{self.user.name} / {self.seller.name} ({self.get_role_display()})"

    @property
    def may_act(self) -> bool:
        """Whether this role changes anything; READ_ONLY only looks (domain 1)."""
        return self.role in {Membership.Role.OWNER, Membership.Role.ORDER_STAFF}
