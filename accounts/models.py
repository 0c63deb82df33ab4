"""People who sign in, shops, and who holds which role where."""

from collections.abc import Iterator
from datetime import datetime

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import OpClass
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .rules import CODE_GOOD_FOR, LONGEST_REDIRECT, Scope, TokenKind


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
        indexes = [
            models.Index(OpClass(Lower("name"), name="text_pattern_ops"), name="people_by_name_prefix"),
            models.Index(fields=["email"], name="operators", condition=models.Q(is_staff=True)),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="email_is_lower_case"),
        ]

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"

    def get_session_auth_hash(self) -> str:
        """What a session must match to go on: a new password and a new role end it (reliability S-14, S-15)."""
        return self._with_role(super().get_session_auth_hash())

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        """The same under secrets that were replaced."""
        return map(self._with_role, super().get_session_auth_fallback_hash())

    def _with_role(self, session_hash: str) -> str:
        return f"{session_hash}:{self.operator_role}:{int(self.is_staff)}"


class RecoveryCode(models.Model):
    """One way in for a person whose second factor is lost; kept as a hash, good for one time (reliability S-13)."""

    user = models.ForeignKey(User, models.CASCADE, related_name="recovery_codes", verbose_name=_("人"))
    code_hash = models.CharField(max_length=64)
    used_at = models.DateTimeField(_("使用日時"), null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("リカバリーコード")
        constraints = [
            models.UniqueConstraint(fields=["user", "code_hash"], name="a_recovery_code_is_kept_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} #{self.pk}"


class LoginAttempt(models.Model):
    """One failed sign-in, or one asking for a link to a new password; kept for throttling (reliability S-11)."""

    class Kind(models.TextChoices):
        SIGN_IN = "SIGN_IN", _("ログインの失敗")
        LINK = "LINK", _("パスワードの再設定の依頼")

    kind = models.CharField(_("種類"), max_length=8, choices=Kind, default=Kind.SIGN_IN)
    email = models.CharField(_("メールアドレス"), max_length=254)
    address = models.GenericIPAddressField(_("IPアドレス"))
    happened_at = models.DateTimeField(_("日時"))

    class Meta:
        verbose_name = verbose_name_plural = _("ログインの失敗と再設定の依頼")
        indexes = [
            models.Index(fields=["email", "happened_at"], name="failed_sign_ins_of_account"),
            models.Index(fields=["address", "happened_at"], name="failed_sign_ins_of_address"),
        ]

    def __str__(self) -> str:
        return f"{self.email} {self.address} {timezone.localtime(self.happened_at):%Y/%m/%d %H:%M:%S}"


class Seller(models.Model):
    """A shop."""

    name = models.CharField(_("店舗名"), max_length=100)
    merchant_id = models.CharField(
        _("出品者ID"),
        max_length=32,
        unique=True,
        validators=[
            RegexValidator(
                r"\A[A-Z][A-Z0-9]*\Z", _("半角の大文字の英字で始め、半角の大文字の英字と数字で入力してください。")
            )
        ],
    )
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

    @property
    def is_owner(self) -> bool:
        """Whether this role decides who works for the shop."""
        return self.role == Membership.Role.OWNER


class MailSetting(models.Model):
    """A mail that a person has silenced; what is not here is sent (domain 12.2)."""

    class Mail(models.TextChoices):
        M07 = "M-07", _("購入者が注文をキャンセルしました")
        M12 = "M-12", _("返金処理完了のお知らせ")
        M14 = "M-14", _("未対応のキャンセルリクエストがあります")
        M15 = "M-15", _("出荷予定日を過ぎた注文があります")
        M23 = "M-23", _("新しいメッセージがあります")
        M24 = "M-24", _("ファイルの処理が完了しました")

    user = models.ForeignKey(User, models.CASCADE, related_name="silenced_mails", verbose_name=_("人"))
    mail = models.CharField(_("メール"), max_length=10, choices=Mail)
    silenced_at = models.DateTimeField(_("停止日時"), default=timezone.now)

    class Meta:
        verbose_name = verbose_name_plural = _("受信しないメール")
        constraints = [
            models.UniqueConstraint(fields=["user", "mail"], name="a_mail_is_silenced_once"),
            models.CheckConstraint(
                condition=models.Q(mail__in=["M-07", "M-12", "M-14", "M-15", "M-23", "M-24"]),
                name="only_some_mails_may_be_silenced",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.mail}"


class Application(models.Model):
    """A registered developer: software of a shop that works in its name (help page rule 19, domain 14.1)."""

    class State(models.TextChoices):
        PENDING = "PENDING", _("承認待ち")
        APPROVED = "APPROVED", _("承認済み")
        REJECTED = "REJECTED", _("却下")
        CLOSED = "CLOSED", _("終了")

    seller = models.ForeignKey(
        Seller, models.PROTECT, related_name="applications", db_index=False, verbose_name=_("出品者")
    )
    name = models.CharField(_("ソフトウェアの名前"), max_length=100)
    purpose = models.CharField(_("利用目的"), max_length=500)
    contact = models.EmailField(_("連絡先のメールアドレス"))
    client_id = models.CharField(_("クライアントID"), max_length=100, unique=True)
    # Where an OWNER's consent may lead back to.
    redirects = ArrayField(
        models.CharField(max_length=LONGEST_REDIRECT), default=list, blank=True, verbose_name=_("リダイレクトURI")
    )
    state = models.CharField(_("状態"), max_length=10, choices=State, default=State.PENDING)
    registered_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", db_index=False, verbose_name=_("登録した人")
    )
    registered_at = models.DateTimeField(_("登録日時"))
    decided_at = models.DateTimeField(_("決定日時"), null=True)
    decision_reason = models.CharField(_("決定の理由"), max_length=500, blank=True)
    closed_at = models.DateTimeField(_("終了日時"), null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("開発者の登録")
        indexes = [
            models.Index(fields=["seller", "-id"], name="applications_of_seller"),
            models.Index(fields=["id"], name="applications_to_decide", condition=Q(state="PENDING")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["seller", "name"],
                name="one_application_of_a_name",
                condition=Q(state__in=["PENDING", "APPROVED"]),
            ),
            models.CheckConstraint(
                condition=Q(state="PENDING", decided_at__isnull=True)
                | Q(state__in=["APPROVED", "REJECTED"], decided_at__isnull=False)
                | Q(state="CLOSED"),
                name="application_decided_exactly_unless_pending",
            ),
            models.CheckConstraint(
                condition=Q(state="CLOSED", closed_at__isnull=False)
                | (~Q(state="CLOSED") & Q(closed_at__isnull=True)),
                name="application_closed_exactly_when_it_has_a_moment",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_open(self) -> bool:
        """Whether it may have keys, or may be allowed them yet."""
        return self.state in {Application.State.PENDING, Application.State.APPROVED}

    @property
    def merchant_id(self) -> str:
        """The shop's ID, under which the audit log has it."""
        return self.seller.merchant_id


class Credential(models.Model):
    """One set of an application's keys for one shop: hashed, with scopes and an end (domain 14.1, S-20)."""

    application = models.ForeignKey(
        Application, models.PROTECT, related_name="credentials", db_index=False, verbose_name=_("開発者の登録")
    )
    seller = models.ForeignKey(Seller, models.PROTECT, related_name="+", verbose_name=_("出品者"))
    scopes = ArrayField(
        models.CharField(max_length=20, choices=[(each.value, each.value) for each in Scope]),
        verbose_name=_("許可する操作"),
    )
    client_secret_hash = models.CharField(max_length=64, unique=True)
    refresh_token_hash = models.CharField(max_length=64, unique=True)
    access_key = models.CharField(_("アクセスキーID"), max_length=32, unique=True)
    # What signs requests must be read again to check them; all other keys are hashes only.
    sealed_secret_key = models.TextField()
    auth_token_hash = models.CharField(max_length=64, unique=True)
    issued_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", db_index=False, verbose_name=_("発行した人")
    )
    issued_at = models.DateTimeField(_("発行日時"))
    # For how many days it was issued; it may end before, once there are newer keys.
    lifetime = models.PositiveSmallIntegerField(_("有効期間（日）"))
    expires_at = models.DateTimeField(_("有効期限"))
    revoked_at = models.DateTimeField(_("無効にした日時"), null=True)
    last_used_at = models.DateTimeField(_("最終利用"), null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("キー")
        indexes = [models.Index(fields=["application", "-id"], name="credentials_of_application")]
        constraints = [
            models.CheckConstraint(
                condition=Q(scopes__len__gt=0, scopes__contained_by=[each.value for each in Scope]),
                name="scopes_are_known_and_some",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("issued_at")), name="a_credential_ends_after_its_beginning"
            ),
        ]

    def __str__(self) -> str:
        return self.access_key

    @property
    def awaits_exchange(self) -> bool:
        """Whether it was made by a consent whose code nobody has exchanged."""
        return self.expires_at == self.issued_at + CODE_GOOD_FOR

    def is_good(self, now: datetime) -> bool:
        """Whether this row's keys open anything at a moment, as `queries.good_credentials` finds them."""
        return self.revoked_at is None and self.expires_at > now


class AccessToken(models.Model):
    """A token given out: the right to ask, for an hour, as its keys allow (domain 14.7, S-20, S-21)."""

    class Kind(models.TextChoices):
        ACCESS = TokenKind.ACCESS.value, _("アクセストークン")
        GRANTLESS = TokenKind.GRANTLESS.value, _("出品者によらないトークン")
        RESTRICTED = TokenKind.RESTRICTED.value, _("制限付きデータトークン")
        CODE = TokenKind.CODE.value, _("認可コード")

    token_hash = models.CharField(max_length=64, unique=True)
    kind = models.CharField(_("種類"), max_length=10, choices=Kind)
    credential = models.ForeignKey(Credential, models.CASCADE, related_name="tokens", verbose_name=_("キー"))
    # Of a restricted token: which addresses it opens, and which data of the buyer it shows there.
    resources = models.JSONField(_("対象"), default=list, blank=True)
    given_at = models.DateTimeField(_("発行日時"))
    expires_at = models.DateTimeField(_("有効期限"), db_index=True)

    class Meta:
        verbose_name = verbose_name_plural = _("トークン")
        constraints = [
            models.CheckConstraint(condition=Q(expires_at__gt=F("given_at")), name="a_token_has_some_time"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"
