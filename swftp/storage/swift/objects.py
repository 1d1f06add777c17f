"""
Single objects: look, publish, delete; each settled.

A request that changes a name and gets no clear answer is looked up (HEAD with ``X-Newest``): OK is said only
where the store then shows what was sent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from twisted.internet.defer import Deferred, DeferredSemaphore, gatherResults
from twisted.logger import Logger

from swftp import errors
from swftp.paths import Path, quoted
from swftp.storage.swift.bodies import Bytes
from swftp.storage.swift.client import Lost, Request, SwiftClient
from swftp.storage.swift.describe import etag
from swftp.storage.swift.links import check_followed, localized
from swftp.storage.swift.refusals import RETRIED, UNDECIDED, Reply, refusal

log = Logger()

CONCURRENCY = 8
"""Requests in flight for one operation on many objects."""
BULK_LIMIT = 1000
"""Names in one bulk-delete request (Swift's own limit is 10,000)."""

Names = tuple[str, str]
"""Container and object."""


def path_of(names: Names) -> Path:
    return Path((names[0], *names[1].split("/")))


def body_status(reply: Reply) -> Reply:
    """
    *reply* with the status that its body tells.

    With ``heartbeat=on`` and for bulk requests Swift answers 200 or 202 at once, and the truth at the end.
    """
    try:
        told = json.loads(reply.body)
        status = int(str(told["Response Status"])[:3])
    except (ValueError, KeyError, TypeError):
        return replace(reply, status=503)  # cut, or a stranger's page: undecided
    headers = {**reply.headers, **({"etag": str(told["Etag"])} if told.get("Etag") else {})}
    return replace(reply, status=status, headers=headers)


def could_not_look(reply: Reply) -> bool:
    """Whether a manifest was refused because a part could not be looked at, not because it is not there."""
    if reply.status != 400:
        return False
    try:
        problems = [str(problem)[:4] for _, problem in json.loads(reply.body)["Errors"]]
    except (ValueError, KeyError, TypeError):
        return False
    return any(problem in (f"{status} " for status in RETRIED) for problem in problems)


@dataclass(frozen=True, slots=True)
class _Try:
    """What became of one sending of a request that changes a name."""

    reply: Reply | None
    undecided: bool
    """It may have taken effect."""
    sent: Mapping[str, str]
    hopeless: bool = False


class Objects:
    """Verbs on objects, over a `SwiftClient`."""

    def __init__(self, client: SwiftClient, bulk_delete: bool) -> None:
        """:param bulk_delete: whether the store can delete many objects in one request."""
        self.client = client
        self._bulk_delete = bulk_delete

    async def head(self, names: Names, follow: bool = True, newest: bool = False) -> Mapping[str, str] | None:
        """
        Headers of an object, None where there is none.

        :raises PermissionDenied: it is a link, to be followed, that leads out of the login's root.
        """
        reply = await self.client.request(
            Request(
                method="HEAD",
                names=names,
                query={} if follow else {"symlink": "get"},
                headers={"X-Newest": "true"} if newest else {},
            ),
            200,
            204,
            404,
            409,
        )
        if reply.status == 409:
            raise errors.InvalidRequest("too many symbolic links")
        if reply.status == 404:
            return None
        await check_followed(self.client, reply.headers)
        return await localized(self.client, reply.headers)

    async def publish(self, request: Request, expected: Mapping[str, str]) -> Mapping[str, str]:
        """
        Send the PUT *request* until the store confirms; what HEAD shows of the object then, as far as known.

        :param expected: header values (``etag``, ``content-length`` ...) that HEAD shows once it took effect,
            where they are not those of the body; an ``etag`` is compared with the answer's, too.
        :raises AlreadyExists: If-None-Match was asked for and something stands there.
        :raises StateUnknown: no answer, and looking it up did not settle it.
        """
        undecided = False
        reply: Reply | None = None
        for attempt in range(self.client.policy.attempts):
            if attempt:
                self.client.repeating(reply)
                await self.client.pause(attempt, reply)
            tried = await self._try(request)
            reply = tried.reply
            expected = {**tried.sent, **expected}
            if reply is not None and reply.status == 201:
                return await self._confirmed(request, reply, expected)
            undecided = undecided or tried.undecided
            if undecided and (found := await self._settled(request, expected)) is not None:
                return found
            damaged = reply is not None and reply.status == 422 and attempt == 0
            if reply is not None and reply.status not in RETRIED and not damaged:
                if undecided:
                    break  # this one was refused, an earlier one may yet take effect
                raise self._refused(request, reply)
            if tried.hopeless or not request.replayable:
                break
        if undecided:
            log.warn(
                "{names}: result of {method} unknown",
                event="ambiguous_commit",
                names=request.names,
                method=request.method,
            )
            raise errors.StateUnknown()
        raise errors.Unavailable() if reply is None else refusal(reply)

    async def _try(self, request: Request) -> _Try:
        try:
            reply = await self.client.attempt(request)
        except Lost as lost:
            log.info("publishing got no answer: {reason}", reason=str(lost), whole=lost.whole)
            return _Try(None, lost.whole, lost.sent, lost.hopeless)
        if "heartbeat" in request.query and reply.status in (200, 202):
            reply = body_status(reply)
        if could_not_look(reply):
            return _Try(replace(reply, status=503), False, reply.sent)
        whole = request.body is None or bool(reply.sent)  # else there was nothing to store
        return _Try(reply, whole and reply.status in UNDECIDED, reply.sent)

    def _refused(self, request: Request, reply: Reply) -> errors.StorageError:
        if reply.status == 412 and "If-None-Match" in request.headers:
            return errors.AlreadyExists()
        return refusal(reply)

    async def _confirmed(self, request: Request, reply: Reply, expected: Mapping[str, str]) -> Mapping[str, str]:
        told = etag(reply.headers)
        if not told:
            try:
                found = await self._shown(request, expected)
            except errors.StorageError as error:
                raise errors.StateUnknown() from error
            if found is None:
                raise errors.Corrupt(f"stored, but not what was sent ({reply.transaction})")
            return found
        if told != expected.get("etag", told) and "X-Copy-From" in request.headers:
            raise errors.Changed()  # the source was replaced after we looked at it
        if told != expected.get("etag", told):
            log.error(
                "{names}: stored with another checksum than was sent",
                event="etag_mismatch",
                names=request.names,
                transaction=reply.transaction,
            )
            raise errors.Corrupt(f"checksum mismatch ({reply.transaction})")
        return {**expected, "etag": told}

    async def _settled(self, request: Request, expected: Mapping[str, str]) -> Mapping[str, str] | None:
        """As `_shown`; None, too, where that cannot be found out."""
        try:
            return await self._shown(request, expected)
        except errors.StorageError:
            return None

    async def _shown(self, request: Request, expected: Mapping[str, str]) -> Mapping[str, str] | None:
        """What HEAD shows if that is what *request* was to put there."""
        found = await self.head((request.names[0], request.names[1]), follow=False, newest=True)
        if found is None or not expected:
            return None
        shown = {**found, "etag": etag(found)}
        return shown if all(shown.get(name) == value for name, value in expected.items()) else None

    async def delete(self, names: Names) -> bool:
        """Delete one object (a manifest without its segments, a link itself); whether it was there."""
        reply = await self.client.request(Request(method="DELETE", names=names), 204, 200, 404)
        return reply.status != 404 or reply.attempt > 0

    async def delete_many(self, names: Sequence[Names]) -> list[Names]:
        """Delete all of *names*, missing ones too; returns those that could not be, without raising."""
        if not self._bulk_delete or len(names) < 3:
            return await self._delete_each(names)
        left: list[Names] = []
        for start in range(0, len(names), BULK_LIMIT):
            batch = names[start : start + BULK_LIMIT]
            if not await self._delete_batch(batch):
                left += await self._delete_each(batch)
        return left

    async def _delete_batch(self, names: Sequence[Names]) -> bool:
        body = "\n".join(quoted(*one) for one in names).encode()
        try:
            reply = await self.client.request(
                Request(
                    method="POST",
                    query={"bulk-delete": ""},
                    headers={"Content-Type": "text/plain", "Accept": "application/json"},
                    body=Bytes(body),
                    patience=len(names) * 0.5,
                ),
                200,
            )
        except errors.StorageError:
            return False
        return body_status(reply).status == 200 and not json.loads(reply.body).get("Errors")

    async def _delete_each(self, names: Sequence[Names]) -> list[Names]:
        left: list[Names] = []

        async def one(name: Names) -> None:
            try:
                await self.delete(name)
            except errors.StorageError as error:
                log.info("{names} could not be deleted: {error}", names=name, error=str(error))
                left.append(name)

        await in_parallel([one(name) for name in names])
        return left


async def in_parallel(work: Sequence[Any], limit: int = CONCURRENCY) -> list[Any]:
    """
    Results of the coroutines *work*, *limit* at once; waits for all, then raises the first failure.
    """
    turns = DeferredSemaphore(limit)
    failures: list[Exception] = []

    async def guarded(one: Any) -> Any:
        try:
            return await one
        except Exception as error:
            failures.append(error)

    results = await gatherResults([turns.run(Deferred.fromCoroutine, guarded(one)) for one in work])
    if failures:
        raise failures[0]
    return list(results)
