"""A data type that is declared by halves is refused at start-up, with words for everything that is missing."""

from typing import Any

import pytest

from jmap.protocol.datatype import DataType, DeclarationError
from jmap.protocol.method import CORE
from jmap.protocol.ports import Context, Store
from jmap.protocol.properties import Boolean, Id, ListOf, String, UnsignedInt
from jmap.protocol.registry import Registry
from tests.protocol.bakery import BAKERY, MemoryStore


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.capability(BAKERY)
    return registry


def refusal(registry: Registry, declaration: type[DataType]) -> str:
    """Why a type is refused."""
    with pytest.raises(DeclarationError) as caught:
        registry.register(declaration)
    return str(caught.value)


@pytest.mark.rfc(8620, "5")
def test_a_type_brings_its_methods_and_an_id(registry: Registry) -> None:
    @registry.register
    class Bun(DataType):
        name = String

        class Meta:
            capability = BAKERY
            methods = ("get", "changes")
            store = MemoryStore

    registry.check()

    assert set(registry.methods) == {"Core/echo", "Bun/get", "Bun/changes"}
    assert set(Bun._meta.properties) == {"id", "name"}


@pytest.mark.rfc(8620, "5")
def test_a_type_without_meta_is_told_all_that_it_lacks(registry: Registry) -> None:
    class Bun(DataType):
        pass

    message = refusal(registry, Bun)

    assert message == "Bun: Meta.capability is missing\nBun: Meta.methods is missing\nBun: Meta.store is missing"


@pytest.mark.rfc(8620, "5")
def test_only_a_reading_method_of_the_type_reads_at_once(registry: Registry) -> None:
    class Bun(DataType):
        class Meta:
            capability = BAKERY
            methods = ("get", "set")
            store = MemoryStore
            at_once = ("get", "set", "query")

    message = refusal(registry, Bun)

    assert message == (
        "Bun: Meta.at_once names 'set', which is no reading method of it\n"
        "Bun: Meta.at_once names 'query', which is no reading method of it"
    )


@pytest.mark.rfc(8620, "5")
def test_a_store_must_have_the_methods_that_the_type_declares(registry: Registry) -> None:
    class HalfStore(Store):
        def state(self, ctx: Context) -> str:
            return ""

    class Bun(DataType):
        class Meta:
            capability = BAKERY
            methods = ("get", "queryChanges", "copy", "fetch")
            store = HalfStore

    assert refusal(registry, Bun).splitlines() == [
        "Bun: the store has no get(), which Bun/get needs",
        "Bun: the store has no query_changes(), which Bun/queryChanges needs",
        "Bun: Bun/queryChanges needs Bun/query",
        "Bun: the store has no copy(), which Bun/copy needs",
        "Bun: Bun/copy needs Bun/set",
        "Bun: 'fetch' is no standard method; use registry.method for others",
    ]


@pytest.mark.rfc(8620, "5.5")
def test_filters_and_sorts_need_a_query(registry: Registry) -> None:
    class Bun(DataType):
        name = String(filterable=True, sortable=True)

        class Meta:
            capability = BAKERY
            methods = ("get",)
            store = MemoryStore
            collations = ("i;swedish",)

    assert refusal(registry, Bun).splitlines() == [
        "Bun: name is filterable, but there is no Bun/query",
        "Bun: name is sortable, but there is no Bun/query",
        "Bun: collation 'i;swedish' is not known",
    ]


@pytest.mark.rfc(8620, "5.3")
def test_defaults_must_be_values_of_their_type(registry: Registry) -> None:
    class Bun(DataType):
        size = UnsignedInt(default=-1)
        sold = Boolean(server_set=True, default=True)

        class Meta:
            capability = BAKERY
            methods = ("get",)
            store = MemoryStore
            default_properties = ("size", "weight")
            copy_properties = ("price",)
            arguments = {"set": {"quick": Boolean(default=False)}}
            methodz = ()

    assert refusal(registry, Bun).splitlines() == [
        "Bun: Meta.methodz is not known",
        "Bun: Meta.arguments names 'set', which is not among its methods",
        "Bun: default_properties names weight, which is no property",
        "Bun: copy_properties names price, which is no property",
        "Bun: the default of size must not be negative",
        "Bun: sold is set by the server, so its default is never used",
    ]


@pytest.mark.rfc(8620, "5")
def test_nothing_is_declared_twice(registry: Registry) -> None:
    class Bun(DataType):
        class Meta:
            capability = BAKERY
            methods = ("get",)
            store = MemoryStore

    registry.register(Bun)

    assert refusal(registry, Bun) == "Bun: the data type is declared twice"
    with pytest.raises(DeclarationError, match="declared twice"):
        registry.capability(CORE)
    with pytest.raises(DeclarationError, match="declared twice"):
        registry.method("Bun/get", capability=BAKERY)(lambda ctx, arguments: {})


@pytest.mark.rfc(8620, "2")
def test_what_refers_to_nothing_is_found_by_the_check(registry: Registry) -> None:
    @registry.register
    class Bun(DataType):
        fillings = ListOf(Id(refs="Filling"), default=list)

        class Meta:
            capability = "https://nobody.example"
            methods = ("get",)
            store = MemoryStore

    with pytest.raises(DeclarationError) as caught:
        registry.check()

    assert caught.value.problems == [
        "Bun/get: capability https://nobody.example is not declared",
        "Bun: fillings refers to Filling, which is no data type",
    ]


@pytest.mark.rfc(8620, "5")
def test_a_type_inherits_the_properties_of_its_base(registry: Registry) -> None:
    class Named(DataType):
        name = String()

    @registry.register
    class Bun(Named):
        size = UnsignedInt(default=1)

        class Meta:
            capability = BAKERY
            methods = ("get",)
            store = MemoryStore()
            name = "SmallBun"

    assert list(Bun._meta.properties) == ["id", "name", "size"]
    assert "SmallBun/get" in registry.methods


@pytest.mark.rfc(8620, "7.2")
def test_a_type_may_live_outside_accounts(registry: Registry) -> None:
    class Stateless:
        def get(self, ctx: Context, request: Any) -> None: ...

    @registry.register
    class Visitor(DataType):
        class Meta:
            capability = CORE
            methods = ("get",)
            store = Stateless
            account = False

    assert not registry.methods["Visitor/get"].account
