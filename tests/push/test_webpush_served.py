"""Web Push from a running server: its workers send what its hub hears of."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.push.service import Device, push_service
from tests.wire.conftest import CORE, Clerk, Person, Site, call


@pytest.mark.rfc(8620, "7.2.2")
@pytest.mark.rfc(8620, "7.1")
@pytest.mark.parametrize("name", ["uvicorn", "daphne"])
def test_a_device_hears_of_a_change_that_another_process_made(
    site: Site, clerk: Clerk, person: Person, name: str, tmp_path: Path
) -> None:
    device = Device()
    with (
        push_service(tmp_path) as service,
        site.server(
            name, WIRE_LIMITS=str(site.folder / f"webpush-{name}"), SSL_CERT_FILE=str(service.authority)
        ) as edge,
        edge.client(person) as client,
    ):
        create = {"a": {"deviceClientId": "d", "url": service.url(), "keys": device.keys, "types": ["Email"]}}
        answer = call(client, ("PushSubscription/set", {"create": create}, "c"), using=[CORE]).json()
        created = answer["methodResponses"][0][1]["created"]["a"]
        message = device.read(service.wait_for(1)[0].body)
        update = {created["id"]: {"verificationCode": message["verificationCode"]}}
        call(client, ("PushSubscription/set", {"update": update}, "c"), using=[CORE])

        states = clerk.touch(name=person.name, types=["Email", "Mailbox"])
        pushed = device.read(service.wait_for(2)[1].body)

    assert pushed == {"@type": "StateChange", "changed": {person.account: {"Email": states["Email"]}}}
