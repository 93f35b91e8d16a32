"""An identity for every address that was there before mail out was."""

from django.db import migrations


def give_identities(apps, schema_editor):
    """One for each address, the primary one's for good; each account's modseq moves along."""
    Account = apps.get_model("jmap_core", "Account")
    TypeState = apps.get_model("jmap_core", "TypeState")
    Address = apps.get_model("jmap_mail", "Address")
    Identity = apps.get_model("jmap_submission", "Identity")
    for account in Account.objects.iterator():
        addresses = list(Address.objects.filter(account=account).select_related("domain").order_by("pk"))
        if not addresses:
            continue
        name = "" if "@" in account.name else account.name
        modseq = account.modseq
        for address in addresses:
            modseq += 1
            Identity.objects.create(
                account=account,
                created_modseq=modseq,
                modseq=modseq,
                name=name,
                email=f"{address.local_part}@{address.domain.name}",
                may_delete=not address.is_primary,
            )
        Account.objects.filter(pk=account.pk).update(modseq=modseq)
        TypeState.objects.create(account=account, type="Identity", modseq=modseq, history_modseq=0)


class Migration(migrations.Migration):
    dependencies = [("jmap_submission", "0001_initial"), ("jmap_mail", "0002_search")]

    operations = [migrations.RunPython(give_identities, migrations.RunPython.noop)]
