"""What accounts and domains hold, counted once; from now on it is kept in step with every email."""

from typing import Any

from django.db import migrations
from django.db.models import Count, Sum


def count(apps: Any, schema_editor: Any) -> None:
    get = lambda name: apps.get_model("jmap_mail", name)  # noqa: E731
    account, quota, domain = apps.get_model("jmap_core", "Account"), get("Quota"), get("Domain")
    domains = dict(get("Address").objects.filter(is_primary=True).values_list("account_id", "domain_id"))
    counted = get("Email").objects.order_by().values("account_id").annotate(n=Count("id"), octets_sum=Sum("size"))
    held = {row["account_id"]: (row["n"], row["octets_sum"]) for row in counted}
    rows = []
    for key in account.objects.values_list("pk", flat=True):
        emails, octets = held.get(key, (0, 0))
        rows.append(quota(account_id=key, domain_id=domains.get(key), emails=emails, octets=octets))
    quota.objects.bulk_create(rows, batch_size=1000)
    sums = quota.objects.exclude(domain=None).order_by().values("domain_id").annotate(e=Sum("emails"), o=Sum("octets"))
    for row in sums:
        domain.objects.filter(pk=row["domain_id"]).update(emails=row["e"], octets=row["o"])


class Migration(migrations.Migration):
    dependencies = [("jmap_mail", "0003_delivery")]

    operations = [migrations.RunPython(count, migrations.RunPython.noop)]
