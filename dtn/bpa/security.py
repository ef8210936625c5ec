"""Security in the agent: what a node adds to its own bundles, and what it makes of those that come.

Source: RFC 9172 section 5. New bundles are signed first, then encrypted. Of bundles that come, encryption is
taken off first and integrity checked then (section 5.1); a fragment has to wait until it is whole again
(section 5.2). Every operation stands for itself. One that does not hold costs its target and what protects it, and
the bundle if that is the payload or the primary block, or if the bundle is none without it.

A node without any rule reads security blocks all the same: it must not deliver ciphertext.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from dtn import rules as bundle_rules
from dtn.administrative_record import Reason
from dtn.bpa.request import AgentOptions
from dtn.bpsec import confidentiality, integrity, structure
from dtn.bpsec.failure import Failure, unknown
from dtn.bpsec.keys import Key
from dtn.bpsec.policy import Role, SecurityRule
from dtn.bpsec.structure import CONFIDENTIALITY, INTEGRITY, PRIMARY_NUMBER, Operation
from dtn.bundle import PAYLOAD_NUMBER, Bundle
from dtn.errors import MalformedBundle
from dtn.events import SecurityOperationFailed
from dtn.stored_bundle import StoredBundle


class Verdict(NamedTuple):
    """What is left of a bundle: the bundle without what was accepted or did not hold, or a reason to delete it."""

    bundle: Bundle
    failures: list[SecurityOperationFailed]
    reason: int | None = None


class BundleSecurity:
    """The security of one node.

    Args:
        node: its name.
        options: with its rules, if it has any.
    """

    def __init__(self, node: str, options: AgentOptions) -> None:
        self._node = node
        self._options = options
        security = options.security
        self._rules = security.rules if security is not None else ()

    def protect(self, bundle: Bundle) -> Bundle:
        """A new bundle with the operations that the rules ask for (§5.2 of RFC 9171)."""
        if not self._rules:
            return bundle
        destination = bundle.primary.destination
        name = self._options.names.get(destination.node or 0, "")
        rules = [r for r in self._rules if r.covers(self._node, name, destination.service_text)]
        # The primary block first: its CRC goes, and others may cover what is left of it.
        rules.sort(key=lambda rule: PRIMARY_NUMBER not in rule.targets)
        to_encrypt = {
            kind for rule in rules if rule.service == CONFIDENTIALITY for kind in rule.targets
        }
        for rule in rules:
            if rule.service == INTEGRITY:
                hidden = [kind for kind in rule.targets if kind in to_encrypt]
                open_ = [kind for kind in rule.targets if kind not in to_encrypt]
                for kinds in (open_, hidden):  # RFC 9172 §3.9: no block over both
                    bundle = self._sign(bundle, rule, kinds)
        for rule in rules:
            if rule.service == CONFIDENTIALITY:
                bundle = self._encrypt(bundle, rule)
        return bundle

    def examine(self, record: StoredBundle, now_s: float) -> Verdict | None:
        """A bundle that came, whole: check and accept what is this node's to do; None: nothing is."""
        bundle = record.bundle
        if bundle.primary.fragment is not None:
            return None
        rules = self._rules_on(record) if self._rules else []
        if not rules and not structure.is_secured(bundle):
            return None
        return _Examination(self._node, self._options.crc_type, record, rules, now_s).verdict()

    def _rules_on(self, record: StoredBundle) -> list[SecurityRule]:
        service = record.bundle.primary.destination.service_text
        return [
            rule
            for rule in self._rules
            if rule.covers(record.source, record.destination, service)
            and rule.role_of(self._node, record.destination) is not None
        ]

    def _sign(self, bundle: Bundle, rule: SecurityRule, kinds: Iterable[int]) -> Bundle:
        signed = {operation.target for operation in structure.operations(bundle, INTEGRITY)}
        targets = [number for number in _numbers(bundle, kinds) if number not in signed]
        if not targets:
            return bundle
        key, wrapping = self._keys(rule)
        return integrity.sign(
            bundle,
            targets,
            self._options.node_id,
            key,
            variant=rule.variant,
            scope=rule.scope,
            key_encryption_key=wrapping,
        )

    def _encrypt(self, bundle: Bundle, rule: SecurityRule) -> Bundle:
        encrypted = structure.encrypted_numbers(bundle)
        targets = [number for number in _numbers(bundle, rule.targets) if number not in encrypted]
        if not targets:
            return bundle
        assert self._options.security is not None  # it brought the rule
        key, wrapping = self._keys(rule)
        return confidentiality.encrypt(
            bundle,
            targets,
            self._options.node_id,
            key,
            self._options.security.draw,
            variant=rule.variant,
            scope=rule.scope,
            key_encryption_key=wrapping,
        )

    def _keys(self, rule: SecurityRule) -> tuple[Key, Key | None]:
        """The key to apply, and the one to wrap it under, if it is to be wrapped."""
        if not rule.wrapped:
            return rule.key, None
        assert self._options.security is not None  # it brought the rule
        octets = self._options.security.draw(rule.content_key_bytes)
        return Key(f"of one bundle, under {rule.key.name}", octets), rule.key


class _Examination:
    """One bundle under examination at one node."""

    def __init__(
        self,
        node: str,
        crc_type: int,
        record: StoredBundle,
        rules: list[SecurityRule],
        now_s: float,
    ) -> None:
        self._node = node
        self._crc_type = crc_type
        self._record = record
        self._rules = rules
        self._now_s = now_s
        self._at_destination = record.destination == node
        self._bundle = record.bundle
        self._found: set[tuple[int, int]] = set()
        self._failures: list[SecurityOperationFailed] = []
        self._reason: int | None = None

    def verdict(self) -> Verdict:
        """Judge the bundle."""
        for step in (self._check, self._decrypt, self._check, self._verify, self._require):
            try:
                step()
            except MalformedBundle as fault:
                # As it came it was malformed; what has come to light since is in conflict with the rest.
                revealed = self._bundle is not self._record.bundle
                self._reason = (
                    Reason.CONFLICTING_SECURITY_OPERATION
                    if revealed
                    else Reason.BLOCK_UNINTELLIGIBLE
                )
                self._fail(INTEGRITY, PRIMARY_NUMBER, Failure(self._reason, fault.reason))
            if self._reason is not None:
                break
        return Verdict(self._bundle, self._failures, self._reason)

    def _decrypt(self) -> None:
        """Confidentiality first (RFC 9172 §5.1.1); at the destination all that is left of it."""
        for operation in tuple(structure.operations(self._bundle, CONFIDENTIALITY)):
            rule = self._rule_for(operation)
            if rule is None and not self._at_destination:
                continue
            content = (
                unknown("no rule says how to decrypt it")
                if rule is None
                else self._unexpected(operation)
                or confidentiality.decrypt(self._bundle, operation, rule.key)
            )
            if isinstance(content, Failure):
                if self._lose(operation, content):
                    return
            elif rule is not None and self._role(rule) is Role.ACCEPTOR:
                bundle = structure.with_content(self._bundle, operation.target, content)
                self._accept(bundle, operation)

    def _check(self) -> None:
        """What is there must be in order: made whole of fragments, or come to light."""
        structure.check(self._bundle)

    def _verify(self) -> None:
        """Integrity (RFC 9172 §5.1.2), but for what is still encrypted (§3.9)."""
        encrypted = structure.encrypted_numbers(self._bundle)
        for operation in tuple(structure.operations(self._bundle, INTEGRITY)):
            rule = self._rule_for(operation)
            if rule is None or operation.target in encrypted:
                continue
            failure = self._unexpected(operation) or integrity.verify(
                self._bundle, operation, rule.key
            )
            if failure is not None:
                if self._lose(operation, failure):
                    return
            elif self._role(rule) is Role.ACCEPTOR:
                self._accept(self._bundle, operation)

    def _require(self) -> None:
        """What the rules ask for must have been there (reason 12), and what is left be a bundle."""
        encrypted = structure.encrypted_numbers(self._bundle)
        for rule in self._rules:
            if not rule.is_required(self._node, self._record.destination):
                continue
            for number in _numbers(self._bundle, rule.targets):
                hidden = rule.service == INTEGRITY and number in encrypted
                if (rule.service, number) not in self._found and not hidden:
                    reason = Reason.MISSING_SECURITY_OPERATION
                    self._fail(rule.service, number, Failure(reason, "a rule asks for it"))
                    self._reason = reason
                    return
        if self._failures:
            try:
                bundle_rules.check(self._bundle)
            except MalformedBundle:
                self._reason = self._failures[-1].reason

    def _rule_for(self, operation: Operation) -> SecurityRule | None:
        """The first rule on this operation; integrity blocks are encrypted along with what they cover."""
        self._found.add((operation.service, operation.target))
        block = structure.block_of(self._bundle, operation.target)
        kind = block.type if block is not None else PRIMARY_NUMBER
        for rule in self._rules:
            if rule.service == operation.service and (kind in rule.targets or kind == INTEGRITY):
                return rule
        return None

    def _role(self, rule: SecurityRule) -> Role | None:
        return rule.role_of(self._node, self._record.destination)

    def _unexpected(self, operation: Operation) -> Failure | None:
        """Only the source of a bundle adds to it what the rules speak of (reason 14)."""
        source = operation.content.source
        if source.node == self._bundle.primary.source.node:
            return None
        why = f"its security source is {source}, not the bundle's"
        return Failure(Reason.UNEXPECTED_SECURITY_OPERATION, why)

    def _lose(self, operation: Operation, failure: Failure) -> bool:
        """It did not hold: discard its target (RFC 9172 §5.1.1); returns whether that is the bundle."""
        self._fail(operation.service, operation.target, failure)
        if operation.target in (PRIMARY_NUMBER, PAYLOAD_NUMBER):
            self._reason = failure.reason
            return True
        self._bundle = structure.without_target(self._bundle, operation.target)
        return False

    def _accept(self, bundle: Bundle, operation: Operation) -> None:
        """Take the operation away; on the way to the destination a CRC takes its place (RFC 9173 §3.8.2, §4.8.2)."""
        bundle = structure.without_operation(bundle, operation)
        target = operation.target
        if not self._at_destination and target not in set(_protected(bundle)):
            bundle = structure.with_crc_type(bundle, (target,), self._crc_type)
        self._bundle = bundle

    def _fail(self, service: int, target: int, failure: Failure) -> None:
        self._failures.append(
            SecurityOperationFailed(
                self._now_s,
                self._node,
                self._record.id,
                structure.SERVICE_NAMES[service],
                target,
                int(failure.reason),
                failure.why,
            )
        )


def _numbers(bundle: Bundle, kinds: Iterable[int]) -> Iterator[int]:
    """The numbers of the blocks of these types; 0 is the primary block, as number and as type."""
    for kind in kinds:
        if kind == PRIMARY_NUMBER:
            yield PRIMARY_NUMBER
        else:
            yield from (block.number for block in bundle.blocks if block.type == kind)


def _protected(bundle: Bundle) -> Iterator[int]:
    """The blocks that have some operation on them still."""
    for service in (INTEGRITY, CONFIDENTIALITY):
        yield from (operation.target for operation in structure.operations(bundle, service))
