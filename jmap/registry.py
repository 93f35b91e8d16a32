"""The register of this Django project: what every installed app's ``datatypes`` module declares (RFC 8620 §2).

    from jmap.registry import registry

    @registry.register
    class Thread(DataType): ...

Rules kept here: an app declares in ``datatypes`` (a module or a package) and nowhere else; all are imported when Django
starts; a declaration that does not hold together stops the start.
"""

from django.utils.module_loading import autodiscover_modules

from jmap.protocol.registry import Registry

registry = Registry()


def discover() -> None:
    """Import the ``datatypes`` of all installed apps and check them together. Raises DeclarationError."""
    autodiscover_modules("datatypes")
    registry.check()
