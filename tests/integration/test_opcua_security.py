"""Signed and encrypted OPC UA connections: who comes in, who does not, and what a server cannot start with."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from certificates import made
from lineside.core.errors import OutputError, SettingsError
from lineside.core.verdict import Verdict
from lineside.outputs.plant.kinds.opcua import OpcUaLink, Settings
from lineside.outputs.plant.link import LineState, PlantAnswer, PlantNote, PlantTrigger, open_link
from peers import until

asyncua = pytest.importorskip("asyncua", reason="asyncua is not installed")

from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256  # noqa: E402 # only where it is there

ua = asyncua.ua
NAMESPACE = "http://opcfoundation.org/UA/MachineVision"
PASSWORD = "let me in"  # of a server that lives for a test


@pytest.fixture(scope="module")
def cell(tmp_path_factory):
    """A server that asks for everything: a trusted certificate, a name and a password. One for all tests: it takes seconds to start."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LINE_PASSWORD", PASSWORD)
        cell = Cell(tmp_path_factory.mktemp("cell"))
        yield cell
        cell.link.close()


class Cell:
    def __init__(self, folder):
        trusted = folder / "trusted"
        trusted.mkdir()
        self.server = made(folder, "line", key=0, uri="urn:test:line")
        self.friend = made(trusted, "friend", key=1)
        authority = made(trusted, "plant", key=2, is_authority=True)
        self.signed = made(folder, "signed", key=3, signed_by=authority)
        self.stranger = made(folder, "stranger", key=4)
        self.heard = []
        self.link = open_link(
            {
                "kind": "opcua",
                "port": 0,
                "certificate": str(self.server.certificate_file),
                "private_key": str(self.server.key_file),
                "trusted": str(trusted),
                "user": "cell",
                "password_env": "LINE_PASSWORD",
            }
        )
        self.link.start(self.hear)
        self.link.tell(LineState.READY)

    def hear(self, event):
        self.heard.append(event)

    def notes(self):
        return [event.sentence for event in self.heard if isinstance(event, PlantNote)]

    async def client(self, pair, password=PASSWORD, mode=ua.MessageSecurityMode.SignAndEncrypt):
        """A client with a certificate of its own, which knows the server's; not connected yet."""
        client = asyncua.Client(f"opc.tcp://127.0.0.1:{self.link.port}/lineside", timeout=20)
        client.application_uri = f"urn:test:{pair.certificate_file.stem}"
        client.set_user("cell")
        client.set_password(password)
        await client.set_security(
            SecurityPolicyBasic256Sha256,
            certificate=str(pair.certificate_file),
            private_key=asyncua.crypto.uacrypto.CertProperties(str(pair.key_file), "pem"),
            server_certificate=str(self.server.certificate_file),
            mode=mode,
        )
        return client


class Listener:
    def __init__(self, results):
        self.results = results

    def event_notification(self, event):
        self.results.put_nowait(event)


def came_in(client):
    """Whether a client came in: it reads what a client can read."""

    async def run():
        async with await client as one:
            return await one.get_namespace_index(NAMESPACE)

    try:
        return asyncio.run(run()) > 0
    except (ua.UaError, ConnectionError, TimeoutError):
        return False


@pytest.mark.parametrize("who", ["friend", "signed"])
def test_a_trusted_client_starts_a_job_and_hears_its_result(cell, who):
    async def run():
        async with await cell.client(getattr(cell, who)) as client:
            index = await client.get_namespace_index(NAMESPACE)
            await client.load_data_type_definitions()
            system = await client.nodes.objects.get_child([f"{index}:VisionSystem"])
            inner = await system.get_child(
                [f"{index}:VisionStateMachine", f"{index}:AutomaticModeStateMachine"]
            )
            results = asyncio.Queue()
            subscription = await client.create_subscription(5, Listener(results))
            await subscription.subscribe_events(system, client.nodes.base_event_type)
            job, error = await inner.call_method(
                f"{index}:StartSingleJob",
                ua.MeasIdDataType(Id="m"),
                ua.PartIdDataType(Id=who),
                ua.RecipeIdExternalDataType(Id="caps"),
                ua.ProductIdDataType(Id="blue"),
                ua.Variant([], ua.VariantType.Variant, is_array=True),
            )
            assert error == 0
            trigger = next(e for e in cell.heard if isinstance(e, PlantTrigger) and e.serial == who)
            answer = PlantAnswer(trigger.id, 1, Verdict.PASS, None, serial=who, order=trigger.order)
            await asyncio.to_thread(cell.link.answer, answer)
            while True:
                event = await asyncio.wait_for(results.get(), 20)
                if str(event.Message.Text) == "PASS":
                    return job.Id

    assert asyncio.run(run())


def test_a_client_that_is_not_in_the_list_is_refused_and_told_with_its_fingerprint(cell):
    assert not came_in(cell.client(cell.stranger))
    until(lambda: any("CN=stranger" in note for note in cell.notes()), "a note")
    (note,) = [note for note in cell.notes() if "CN=stranger" in note]
    assert "not in the list of trusted ones" in note
    assert not came_in(cell.client(cell.stranger))
    assert sum("CN=stranger" in note for note in cell.notes()) == 1, "told once"


@pytest.mark.parametrize("named", ["a friend's", "none"])
def test_a_stranger_that_names_another_certificate_than_its_own_is_refused(cell, named):
    """The certificate of a session's request proves nothing; that of the secure channel does."""
    der = cell.friend.certificate_file.read_bytes() if named == "a friend's" else b""

    async def forging():
        client = await cell.client(cell.stranger)
        create = client.uaclient.create_session

        async def create_session(params):
            params.ClientCertificate = der
            return await create(params)

        client.uaclient.create_session = create_session
        return client

    assert not came_in(forging())


def test_a_trusted_client_with_a_wrong_password_is_refused(cell):
    assert not came_in(cell.client(cell.friend, password="wrong"))
    until(lambda: any("name or password" in note for note in cell.notes()), "a note")
    assert not any(PASSWORD in note or "wrong" in note.replace("is wrong", "") for note in cell.notes())


def test_nobody_comes_in_without_signing_and_encrypting(cell):
    async def plain():
        client = asyncua.Client(f"opc.tcp://127.0.0.1:{cell.link.port}/lineside", timeout=10)
        client.set_user("cell")
        client.set_password(PASSWORD)
        return client

    assert not came_in(plain())
    assert not came_in(cell.client(cell.friend, mode=ua.MessageSecurityMode.Sign))
    assert came_in(cell.client(cell.friend)), "and the server is well"


def started(folder, **settings):
    """What a server with these settings says at its start, on some day."""
    wall = settings.pop("wall", lambda: datetime.now(UTC))
    link = OpcUaLink(Settings(port=0, **settings), wall=wall)
    with pytest.raises((OutputError, SettingsError)) as refusal:
        link.start(lambda _event: None)
    link.close()
    return str(refusal.value)


def test_a_server_that_cannot_prove_itself_does_not_start_and_names_the_file(tmp_path, monkeypatch):
    good, other = made(tmp_path, "line"), made(tmp_path, "other", key=1)
    old = made(tmp_path, "old", days=(-9, -1))
    files = {"certificate": str(good.certificate_file), "private_key": str(good.key_file)}
    said = started(tmp_path, **{**files, "certificate": str(old.certificate_file)})
    assert f"{old.certificate_file}: expected a certificate that holds" in said
    later = datetime.now(UTC) + timedelta(days=40)
    assert str(good.certificate_file) in started(tmp_path, **files, wall=lambda: later)
    said = started(tmp_path, **{**files, "private_key": str(other.key_file)})
    assert f"{other.key_file}: expected the private key of" in said
    assert "nobody could come in" in started(tmp_path, **files, trusted=_empty(tmp_path))
    monkeypatch.delenv("LINE_PASSWORD", raising=False)
    said = started(tmp_path, **files, user="cell", password_env="LINE_PASSWORD")
    assert "LINE_PASSWORD; it is not set" in said


def _empty(folder):
    empty = folder / "empty"
    empty.mkdir()
    return str(empty)


def test_a_list_of_clients_without_a_certificate_of_the_server_is_refused():
    with pytest.raises(SettingsError, match="private_key where trusted is set"):
        open_link({"kind": "opcua", "trusted": "clients"})
