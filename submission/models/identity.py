"""Identity: an address that an account sends from, and the right to a whole domain (RFC 8621 §6)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from jmap.ids import encode
from jmap.models import Account, TrackedModel
from mail.models import Domain


class Identity(TrackedModel):
    """An address, or ``*@domain``, that the user may send from, and how letters from it begin and end (RFC 8621 §6).

    ``reply_to`` and ``bcc`` are lists of ``{"name", "email"}`` or None. Several identities may have the same address.
    """

    name = models.CharField(_("name"), max_length=255, blank=True)
    email = models.CharField(_("address"), max_length=320)
    reply_to = models.JSONField(_("reply to"), null=True, blank=True)
    bcc = models.JSONField(_("blind copy"), null=True, blank=True)
    text_signature = models.TextField(_("signature, plain"), blank=True)
    html_signature = models.TextField(_("signature, HTML"), blank=True)
    may_delete = models.BooleanField(_("may be deleted"), default=True)

    class Meta(TrackedModel.Meta):
        verbose_name = _("identity")
        verbose_name_plural = _("identities")
        indexes = [
            models.Index(fields=["account", "modseq"], name="jmap_sub_identity_changed"),
            models.Index(fields=["account", "created_modseq"], name="jmap_sub_identity_created"),
        ]

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>" if self.name else self.email

    @property
    def wire_id(self) -> str:
        """The identity id as clients see it."""
        return encode("i", self.pk)


class DomainGrant(models.Model):
    """An account may send from every address of a domain, by an administrator's word."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False, verbose_name=_("account"))
    domain = models.ForeignKey(Domain, models.PROTECT, related_name="+", verbose_name=_("domain"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("right to a domain")
        verbose_name_plural = _("rights to domains")
        constraints = [models.UniqueConstraint(fields=["account", "domain"], name="jmap_sub_grant_once")]

    def __str__(self) -> str:
        return f"{self.account}: *@{self.domain}"
