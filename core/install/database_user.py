"""The step ``database-user``: the MySQL user of Kubeflow Pipelines, proven by a sign-in like ML Metadata's own.

Cloud SQL's API makes users and sets passwords, but can't choose a password plugin, and on 8.4 gives each
``caching_sha2_password``, with which ML Metadata can't sign in. So the step looks at the plugin the server holds, through
the Auth Proxy, changes it where it must, and signs in anew with nothing but the native plugin. A password that is set by
API or in the console later may bring the other plugin back, so the step always looks.

Cloud SQL also makes ``root@%`` without a password; one that lets anybody in is never left.

The user is made as soon as the instance is there; only what needs a sign-in waits for the Auth Proxy.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any

from core.errors import PermanentError, TemporaryError
from core.install import sql_proxy
from core.install.connection import connect
from core.install.installation import Installation
from core.install.mysql import NATIVE, SHA2, Account, NoAnswer, SignInRefused
from core.install.secrets import sql_password
from core.kubernetes.client import Cluster
from core.kubernetes.port_forward import forward
from core.run.step import Context, Outcome, Step

ANY_HOST = "%"


def step(installation: Installation) -> Step:
    """The step that makes and proves the database's user; it publishes ``database_user``."""

    async def run(context: Context) -> Outcome | None:
        user = _User(installation, context)
        await user.make()
        async with connect(installation, await context.wait_for("cluster_endpoint")) as cluster:
            await context.wait_for("sql_proxy")
            async with forward(cluster, sql_proxy.target(installation), context) as port:
                try:
                    await user.prove(port)
                except NoAnswer as error:
                    raise await _no_answer(installation, cluster, error) from error
        context.publish("database_user", installation.values["sql_username"])
        return None

    return Step(
        "database-user",
        "Database user",
        run,
        needs=("sql_instance", "sql_password_version"),
        publishes=("database_user",),
        seconds=20,
        deadline=7200,
    )


class _User:
    """The user of one installation: made by API, proven through a port-forward to the Auth Proxy."""

    def __init__(self, installation: Installation, context: Context) -> None:
        self._installation, self._context = installation, context
        self._google = installation.google
        self._name = str(installation.values["sql_username"])
        project, _, instance = context.fact("sql_instance").split(":")
        self._where = {"project": project, "instance": instance}
        self._password = ""
        self._port = 0

    async def make(self) -> None:
        """Makes the user where there is none, which needs no proxy and so no cluster."""
        await asyncio.to_thread(import_module, "pymysql")  # now, and not when everything waits for the sign-in
        self._password = await sql_password(self._installation, self._context.fact("sql_password_version"))
        users = await self._users()
        if (self._name, ANY_HOST) not in users:
            await self._set(users)

    async def prove(self, port: int) -> None:
        """Sets the password where it is another, mends the plugin, and signs in with nothing but the native one."""
        self._port = port
        account = Account(port, self._name, self._password)
        users = await self._users()
        plugin = await self._plugin(account)
        if plugin is None:
            await self._set(users)
            plugin = await self._plugin(account)
            if plugin is None:
                raise TemporaryError(
                    f"The MySQL user {self._name} was given its password, and is not let in with it.",
                    code="database-sign-in",
                    cause="A change of a password takes Cloud SQL a moment.",
                    delay=10,
                )
        await self._mend_plugin(account, plugin)
        await self._close_root(users)

    async def _users(self) -> set[tuple[str, str]]:
        answer = await self._google.call("sqladmin", "v1", "users.list", **self._where)
        return {(user["name"], user.get("host", "")) for user in answer.get("items") or []}

    async def _set(self, users: set[tuple[str, str]]) -> None:
        there = (self._name, ANY_HOST) in users
        body = {"name": self._name, "host": ANY_HOST, "password": self._password}
        if there:
            await self._operate("users.update", name=self._name, host=ANY_HOST, body=body)
        else:
            await self._operate("users.insert", body=body)
        self._context.changed()
        self._context.resource("sql.users", f"{self._name}@{ANY_HOST}", "update" if there else "create", "done")

    async def _operate(self, method: str, **params: Any) -> None:
        """Does what takes an operation, once no other one runs: a first backup may hold the instance for minutes."""
        from core.gcp.errors import Conflict, NotFound, StillWorking

        for _ in range(40):
            await self._until_idle()
            try:
                operation = await self._google.call("sqladmin", "v1", method, **self._where, **params)
            except NotFound:
                if method != "users.delete":
                    raise
                return  # an earlier try did it, and its answer was lost
            except (Conflict, StillWorking) as error:
                if "progress" in f"{error.reason} {error.cause}".lower():
                    await self._context.clock.sleep(10)
                    continue
                if method == "users.insert" and (self._name, ANY_HOST) in await self._users():
                    await self._until_idle()
                    return  # so did one here; the sign-in will tell whether with our password
                raise
            await self._google.wait("sqladmin", "v1", operation, self._context, key=f"sql-{method}")
            return
        raise TemporaryError(
            "The Cloud SQL instance is busy with another operation.", code="sql-busy", cause="A backup may run.", delay=60
        )

    async def _until_idle(self) -> None:
        while True:
            answer = await self._google.call("sqladmin", "v1", "operations.list", maxResults=20, **self._where)
            running = [o for o in answer.get("items") or [] if o.get("status") in ("PENDING", "RUNNING")]
            if not running:
                return
            self._context.progress(f"Cloud SQL is busy: {running[0].get('operationType', 'an operation')}")
            await self._context.clock.sleep(5)

    async def _lets_in(self, account: Account, *, native: bool = False) -> bool:
        try:
            await account.prove(native=native)
        except SignInRefused as error:
            self._context.log(f"MySQL refuses {account.user}: {error}")
            return False
        return True

    async def _plugin(self, account: Account) -> str | None:
        """The plugin that the server holds for the user, empty where it does not say; None where it lets nobody in."""
        try:
            return await account.plugin()
        except SignInRefused as error:
            self._context.log(f"MySQL refuses {account.user}: {error}")
            return None

    async def _mend_plugin(self, account: Account, plugin: str) -> None:
        self._context.log(f"MySQL holds the plugin {plugin or 'unknown'} for {account.user}.")
        if plugin == SHA2 or (plugin != NATIVE and not await self._lets_in(account, native=True)):
            await self._alter(account)
        if not await self._lets_in(account, native=True):
            raise _unprovable(account.user, f"The server holds {await account.plugin()} for it.")

    async def _alter(self, account: Account) -> None:
        import pymysql

        try:
            await account.use_native_plugin()
        except pymysql.err.Error as error:
            raise _unprovable(account.user, f"ALTER USER was refused: {error.args[-1]}") from error
        self._context.changed()
        self._context.resource("mysql.user", f"{account.user}@{ANY_HOST}", "update", "done")

    async def _close_root(self, users: set[tuple[str, str]]) -> None:
        """Deletes a ``root@%`` that anybody gets in with; one that has a password is somebody's, and stays."""
        if self._name == "root" or ("root", ANY_HOST) not in users:
            return
        if await self._lets_in(Account(self._port, "root", "")):
            await self._operate("users.delete", name="root", host=ANY_HOST)
            self._context.changed()
            self._context.resource("sql.users", f"root@{ANY_HOST}", "delete", "done")


async def _no_answer(installation: Installation, cluster: Cluster, error: NoAnswer) -> TemporaryError:
    """The error for a database that does not answer, with what the proxy says of it."""
    said = await sql_proxy.last_words(installation, cluster)
    return TemporaryError(
        "The database does not answer through the Auth Proxy.",
        code="database-unreachable",
        cause=f"{error}. The proxy's last lines: {said}" if said else str(error),
        hint="What the proxy lacks is mostly the workload-identity binding, which takes minutes to work.",
        command=f"kubectl logs deployment/cloudsqlproxy -n {installation.names.namespace}",
        delay=10,
    )


def _unprovable(user: str, cause: str) -> PermanentError:
    return PermanentError(
        f"ML Metadata could not sign in as {user}: its client knows {NATIVE} alone.",
        code="database-plugin",
        cause=cause,
        hint="Install under a new name with --set sql_version=MYSQL_8_0, whose default it is (at a surcharge).",
    )
