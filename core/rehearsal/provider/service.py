"""The calls of the plugin protocol, each answered from the tables and the resources; knows nothing of sockets."""

from __future__ import annotations

import json
import threading
from functools import cache
from typing import TYPE_CHECKING, Any

from core.rehearsal.provider import tfplugin5_pb2 as pb
from core.rehearsal.provider.plan import Path, planned, replacing
from core.rehearsal.provider.schema import Attribute, Block, Nested, ResourceType, resource_types
from core.rehearsal.provider.validation import refusals
from core.rehearsal.provider.values import UNKNOWN, State, decode, encode

if TYPE_CHECKING:
    from core.rehearsal.provider.session import Session

PROVIDER = {
    "access_token": "string",
    "add_terraform_attribution_label": "bool",
    "billing_project": "string",
    "credentials": "string",
    "default_labels": "map",
    "impersonate_service_account": "string",
    "project": "string",
    "region": "string",
    "request_reason": "string",
    "request_timeout": "string",
    "scopes": "list(string)",
    "terraform_attribution_label_addition_strategy": "string",
    "universe_domain": "string",
    "user_project_override": "bool",
    "zone": "string",
}
NESTINGS = {"list": pb.Schema.NestedBlock.LIST, "set": pb.Schema.NestedBlock.SET}


class Provider:
    """One provider process: configured once, then asked by many threads."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self._session: Session | None = None

    # Schema and configuration.

    def get_schema(self, request: pb.GetProviderSchema.Request) -> pb.GetProviderSchema.Response:
        """Every resource type, and the provider's own arguments."""
        return whole_schema()

    def prepare_provider_config(self, request: pb.PrepareProviderConfig.Request) -> pb.PrepareProviderConfig.Response:
        """The provider's configuration as it is."""
        return pb.PrepareProviderConfig.Response(prepared_config=request.config)

    def configure(self, request: pb.Configure.Request) -> pb.Configure.Response:
        """Takes the provider's configuration; no call is made yet."""
        from core.rehearsal.provider.session import Session

        config = {k: v for k, v in (decode(request.config) or {}).items() if v is not UNKNOWN}
        self._session = Session.open(config, self.stop)
        return pb.Configure.Response()

    def validate_resource(self, request: pb.ValidateResourceTypeConfig.Request) -> pb.ValidateResourceTypeConfig.Response:
        """What the provider refuses of a resource's configuration."""
        config = decode(request.config) or {}
        found = [_error(r.summary, r.detail, r.at) for r in refusals(resource_types()[request.type_name].block, config)]
        return pb.ValidateResourceTypeConfig.Response(diagnostics=found)

    def upgrade_state(self, request: pb.UpgradeResourceState.Request) -> pb.UpgradeResourceState.Response:
        """A stored state in the shape of the table as it is now."""
        kind = resource_types()[request.type_name]
        raw = json.loads(request.raw_state.json) if request.raw_state.json else {}
        return pb.UpgradeResourceState.Response(upgraded_state=encode(_shaped(kind, raw)))

    # Resources.

    def read(self, request: pb.ReadResource.Request) -> pb.ReadResource.Response:
        """The resource as it is now."""
        from core.rehearsal.provider.resources import resource

        state = decode(request.current_state)
        found = _guarded(lambda: resource(request.type_name).read(self.session, state) if state else None)
        if isinstance(found, _Failure):
            return pb.ReadResource.Response(
                new_state=request.current_state, diagnostics=[_error(found.message)], private=request.private
            )
        kind = resource_types()[request.type_name]
        return pb.ReadResource.Response(new_state=encode(found and _shaped(kind, found)), private=request.private)

    def plan(self, request: pb.PlanResourceChange.Request) -> pb.PlanResourceChange.Response:
        """What the configuration would make of the resource."""
        from core.rehearsal.provider.resources import resource

        prior, proposed = decode(request.prior_state), decode(request.proposed_new_state)
        if proposed is None:
            return pb.PlanResourceChange.Response(planned_state=request.proposed_new_state, legacy_type_system=True)
        config = decode(request.config) or {}
        kind = resource(request.type_name)
        found = planned(kind.block, config, prior)
        if kind.type.timeouts:
            found["timeouts"] = config.get("timeouts")
        kind.customize(self.session, prior, found, config)
        if prior is not None and not kind.timeouts_alone and {**found, "timeouts": None} == {**prior, "timeouts": None}:
            found = prior
        paths = [*replacing(kind.block, prior, found), *kind.replaces(prior, found)] if prior is not None else []
        return pb.PlanResourceChange.Response(
            planned_state=encode(found),
            requires_replace=[_path(p) for p in paths],
            planned_private=request.prior_private,
            legacy_type_system=True,
        )

    def apply(self, request: pb.ApplyResourceChange.Request) -> pb.ApplyResourceChange.Response:
        """Makes, changes or deletes the resource."""
        prior, plan = decode(request.prior_state), decode(request.planned_state)
        config = decode(request.config) or {}
        found = _guarded(lambda: self._apply(request.type_name, prior, plan, config))
        response = pb.ApplyResourceChange.Response(private=request.planned_private, legacy_type_system=True)
        if isinstance(found, _Failure):
            response.diagnostics.append(_error(found.message))
            found = found.state if found.state is not None else prior
        response.new_state.CopyFrom(encode(found and _shaped(resource_types()[request.type_name], found)))
        return response

    def import_state(self, request: pb.ImportResourceState.Request) -> pb.ImportResourceState.Response:
        """The state that an import begins with."""
        from core.rehearsal.provider.resources import resource

        found = _guarded(lambda: resource(request.type_name).imported(self.session, request.id))
        if isinstance(found, _Failure) or found is None:
            message = found.message if isinstance(found, _Failure) else "nothing to import"
            return pb.ImportResourceState.Response(diagnostics=[_error(message)])
        shaped = _shaped(resource_types()[request.type_name], found)
        imported = pb.ImportResourceState.ImportedResource(type_name=request.type_name, state=encode(shaped))
        return pb.ImportResourceState.Response(imported_resources=[imported])

    def stop_all(self, request: pb.Stop.Request) -> pb.Stop.Response:
        """Tells the waits that look at it to end."""
        self.stop.set()
        return pb.Stop.Response()

    @property
    def session(self) -> Session:
        """The configured session."""
        if self._session is None:
            raise RuntimeError("the provider was not configured")
        return self._session

    def _apply(self, name: str, prior: State | None, plan: State | None, config: State) -> State | None:
        from core.rehearsal.provider.resources import resource

        kind = resource(name)
        if plan is None:
            kind.delete(self.session, prior or {})
            return None
        return kind.create(self.session, plan, config) if prior is None else kind.update(self.session, prior, plan, config)


@cache
def whole_schema() -> pb.GetProviderSchema.Response:
    """The answer to `Provider.get_schema`, which is always the same."""
    response = pb.GetProviderSchema.Response(provider=pb.Schema(block=_block(_provider_block())))
    for name, kind in resource_types().items():
        response.resource_schemas[name].CopyFrom(_schema(kind))
    response.server_capabilities.get_provider_schema_optional = True
    return response


class _Failure:
    def __init__(self, message: str, state: State | None) -> None:
        self.message, self.state = message, state


def _guarded(work: Any) -> Any:
    from core.rehearsal.provider.credentials import NoCredentials
    from core.rehearsal.provider.errors import ApiError, ResourceFailed, Unreachable, WaitFailed

    try:
        return work()
    except ResourceFailed as error:
        return _Failure(str(error), error.state)
    except (ApiError, Unreachable, WaitFailed, NoCredentials) as error:
        return _Failure(str(error), None)


def _error(summary: str, detail: str = "", at: Path = ()) -> pb.Diagnostic:
    diagnostic = pb.Diagnostic(severity=pb.Diagnostic.ERROR, summary=summary, detail=detail)
    if at:
        diagnostic.attribute.CopyFrom(_path(at))
    return diagnostic


def _path(at: Path) -> pb.AttributePath:
    steps = [
        pb.AttributePath.Step(attribute_name=p) if isinstance(p, str) else pb.AttributePath.Step(element_key_int=p)
        for p in at
    ]
    return pb.AttributePath(steps=steps)


def _schema(kind: ResourceType) -> pb.Schema:
    block = _block(kind.block)
    if kind.timeouts:
        times = pb.Schema.Block(attributes=[_attribute(Attribute(t, "o")) for t in kind.timeouts])
        block.block_types.append(
            pb.Schema.NestedBlock(type_name="timeouts", block=times, nesting=pb.Schema.NestedBlock.SINGLE)
        )
    return pb.Schema(version=kind.version, block=block)


def _block(block: Block) -> pb.Schema.Block:
    return pb.Schema.Block(
        attributes=[_attribute(a) for a in block.attributes.values()],
        block_types=[_nested(b) for b in block.blocks.values()],
    )


def _attribute(attribute: Attribute) -> pb.Schema.Attribute:
    return pb.Schema.Attribute(
        name=attribute.name,
        type=json.dumps(attribute.wire_type, separators=(",", ":")).encode(),
        required=attribute.required,
        optional=attribute.optional,
        computed=attribute.computed,
        sensitive="s" in attribute.flags,
        write_only="w" in attribute.flags,
    )


def _nested(nested: Nested) -> pb.Schema.NestedBlock:
    return pb.Schema.NestedBlock(
        type_name=nested.name,
        block=_block(nested.block),
        nesting=NESTINGS[nested.nesting],
        min_items=0 if nested.computed else nested.least,
        max_items=nested.most,
    )


def _provider_block() -> Block:
    from core.rehearsal.provider.endpoints import SERVICES

    attributes = {name: Attribute(name, "o", type=kind) for name, kind in PROVIDER.items()}
    attributes.update({f"{s}_custom_endpoint": Attribute(f"{s}_custom_endpoint", "o") for s in SERVICES})
    return Block(attributes=attributes)


def _shaped(kind: ResourceType, value: State) -> State:
    """The value with exactly the table's fields."""
    found = _fitted(kind.block, value)
    if kind.timeouts:
        times = value.get("timeouts")
        found["timeouts"] = {t: times.get(t) for t in kind.timeouts} if isinstance(times, dict) else None
    return found


def _fitted(block: Block, value: State) -> State:
    found: State = {name: value.get(name) for name in block.attributes}
    for name, nested in block.blocks.items():
        items = value.get(name)
        found[name] = (
            [_fitted(nested.block, item) for item in items] if isinstance(items, list) else items if items is UNKNOWN else []
        )
    return found
