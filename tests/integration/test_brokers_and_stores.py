"""Sinks against real peers: mosquitto with TLS, PostgreSQL, and an S3 store that knows right keys from wrong ones."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lineside.core.errors import OutputError, RefusedParcelError, SettingsError
from lineside.core.verdict import Verdict
from lineside.outputs.outbox.durable import DurableOutbox
from lineside.outputs.outbox.settings import OutboxSettings
from lineside.outputs.parcel import open_sink
from parcels import inspection, parcel
from peers import until
from receivers import mosquitto, postgres, s3

TESTS = Path(__file__).parents[1]
FAST = OutboxSettings(first_pause_s=0.02, longest_pause_s=0.1, batch_s=0.005, capacity=500)


class Reader:
    """A client that keeps what it hears, and comes back when its broker does."""

    def __init__(self, broker, folder, topic):
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self.got = []
        self._ready = threading.Event()
        # The broker keeps for it what comes while it is away itself.
        self.client = Client(CallbackAPIVersion.VERSION2, client_id="reader", clean_session=False)
        if folder is not None:
            self.client.tls_set(ca_certs=str(folder / "ca.pem"))
            self.client.username_pw_set("line", "let me in")
        self.client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self.client.on_subscribe = lambda *_: self._ready.set()
        self.client.on_message = lambda _client, _data, message: self.got.append(json.loads(message.payload))
        self.client.reconnect_delay_set(0.05, 0.2)
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()
        assert self._ready.wait(10)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def broker(tmp_path, monkeypatch):
    monkeypatch.setenv("BROKER_PASSWORD", "let me in")
    with mosquitto(tmp_path, secured=True) as running:
        yield running


def secured(broker, folder, **more):
    settings = {
        "kind": "mqtt",
        "host": "127.0.0.1",
        "port": broker.port,
        "tls": True,
        "ca_file": str(folder / "ca.pem"),
    }
    return (
        settings
        | {"username": "line", "password_env": "BROKER_PASSWORD", "timeout_s": 3, "keepalive_s": 2}
        | more
    )


def test_a_broker_that_restarts_under_load_gets_every_result(broker, tmp_path):
    reader = Reader(broker, tmp_path, "lineside/caps/results")
    with DurableOutbox(
        tmp_path / "box", {"mqtt": secured(broker, tmp_path)}, line="caps", run="r1", settings=FAST
    ) as outbox:
        for part in range(100):
            assert outbox.offer(inspection(part, Verdict.PASS))
        assert until(lambda: len(reader.got) > 20)
        broker.stop()
        for part in range(100, 150):
            assert outbox.offer(inspection(part, Verdict.PASS))
        assert until(lambda: outbox.statistics().sinks["mqtt"].fault)
        broker.start()
        assert until(lambda: {record["part"] for record in reader.got} == set(range(150)), timeout_s=40)
        assert until(lambda: outbox.statistics().sinks["mqtt"].sent == 150)
    reader.close()


@pytest.mark.filterwarnings(
    "ignore:unclosed <ssl.SSLSocket:ResourceWarning"
)  # paho's own, of a handshake without an answer
def test_a_broker_that_freezes_is_given_up_after_the_time_and_taken_again(broker, tmp_path):
    sink = open_sink(secured(broker, tmp_path, timeout_s=0.5))
    sink.emit(parcel(tmp_path, 1))
    broker.freeze()
    started = time.monotonic()
    for _ in range(2):  # once on the open connection, once on a new one
        with pytest.raises(OutputError):
            sink.emit(parcel(tmp_path, 2))
    assert time.monotonic() - started < 15
    broker.thaw()
    reader = Reader(broker, tmp_path, "lineside/caps/results")
    sink.emit(parcel(tmp_path, 3))
    assert until(lambda: reader.got and reader.got[-1]["part"] == 3)
    sink.close()
    reader.close()


def test_the_status_is_online_then_offline_also_where_the_line_is_killed(broker, tmp_path):
    reader = Reader(broker, tmp_path, "lineside/caps/status")
    sink = open_sink(secured(broker, tmp_path))
    sink.emit(parcel(tmp_path))
    assert until(lambda: reader.got == [{"state": "online"}])
    sink.close()
    assert until(lambda: reader.got[-1] == {"state": "offline"})
    code = (
        f"import sys, pathlib; sys.path.insert(0, {str(TESTS)!r})\n"
        "from lineside.outputs.parcel import open_sink\n"
        "from parcels import parcel\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        f"open_sink({secured(broker, tmp_path)!r}).emit(parcel(folder))\n"
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == -9
    assert until(lambda: [each["state"] for each in reader.got][-2:] == ["online", "offline"])
    reader.close()


@pytest.mark.filterwarnings(
    "ignore:unclosed <ssl.SSLSocket:ResourceWarning"
)  # paho's own, of a failed handshake
def test_a_stranger_is_told_from_the_broker(broker, tmp_path):
    sink = open_sink(secured(broker, tmp_path, ca_file=None))
    with pytest.raises(OutputError, match="CERTIFICATE_VERIFY_FAILED"):
        sink.emit(parcel(tmp_path))
    sink.close()


def test_a_wrong_password_of_a_broker_is_told_without_it(broker, tmp_path, monkeypatch):
    monkeypatch.setenv("BROKER_PASSWORD", "open sesame")
    sink = open_sink(secured(broker, tmp_path))
    with pytest.raises(OutputError, match="Not authorized") as caught:
        sink.emit(parcel(tmp_path))
    assert "open sesame" not in str(caught.value)
    sink.close()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"topic": "a/#"}, "topic"),
        ({"topic": "a/{who}"}, "as their only braces"),
        ({"tls": False}, "tls = true"),
        ({"cert_file": "x"}, "together"),
        ({"username": None}, "a username"),
        ({"ca_file": "/no/such.pem"}, "certificates in PEM"),
    ],
)
def test_settings_of_a_broker_that_cannot_work_are_refused(tmp_path, monkeypatch, more, words):
    monkeypatch.setenv("BROKER_PASSWORD", "let me in")
    base = {
        "kind": "mqtt",
        "host": "h",
        "tls": True,
        "ca_file": "x",
        "username": "u",
        "password_env": "BROKER_PASSWORD",
    }
    with pytest.raises(SettingsError, match=words):
        open_sink(base | more)


@pytest.fixture(scope="module")
def cluster():
    with postgres() as running:
        yield running


def rows(cluster, statement):
    import psycopg

    with psycopg.connect(
        f"host=127.0.0.1 port={cluster.port} user=line password='let me in' dbname=postgres"
    ) as db:
        return db.execute(statement).fetchall()


def in_cluster(cluster, **more):
    url = f"postgresql://line@127.0.0.1:{cluster.port}/postgres"
    return {"kind": "database", "url": url, "password_env": "PG_PASSWORD", **more}


def test_postgresql_holds_each_result_once_with_its_objects(cluster, tmp_path, monkeypatch):
    monkeypatch.setenv("PG_PASSWORD", "let me in")
    sink = open_sink(in_cluster(cluster, table="once"))
    for part in (0, 1, 1, 0):
        sink.emit(parcel(tmp_path, part, cameras=("top", "side"), confidences=(0.9, 0.4)))
    sink.close()
    found = rows(
        cluster,
        "SELECT key, verdict, serial, round(total_s::numeric, 3), record->>'detail' FROM once_inspection ORDER BY part",
    )
    assert [
        (key, verdict, serial, float(total), detail) for key, verdict, serial, total, detail in found
    ] == [
        ("caps/r1/0", "FAIL", "S0", 0.012, "part 0"),
        ("caps/r1/1", "FAIL", "S1", 0.012, "part 1"),
    ]
    assert rows(cluster, "SELECT count(*), count(DISTINCT camera), min(name) FROM once_detection") == [
        (8, 2, "dent")
    ]


def test_a_value_that_postgresql_cannot_hold_is_refused_and_the_next_is_taken(cluster, tmp_path, monkeypatch):
    monkeypatch.setenv("PG_PASSWORD", "let me in")
    sink = open_sink(in_cluster(cluster, table="odd"))
    with pytest.raises(RefusedParcelError, match="caps/r1/0"):
        sink.emit(parcel(tmp_path, 0, detail="a\x00b"))
    sink.emit(parcel(tmp_path, 1))
    sink.close()
    assert rows(cluster, "SELECT part FROM odd_inspection") == [(1,)]


def test_a_database_that_goes_and_comes_back_gets_everything(cluster, tmp_path, monkeypatch):
    monkeypatch.setenv("PG_PASSWORD", "let me in")
    with DurableOutbox(
        tmp_path / "box", {"db": in_cluster(cluster, table="back")}, line="caps", run="r1", settings=FAST
    ) as outbox:
        outbox.offer(inspection(0))
        assert until(lambda: outbox.statistics().sinks["db"].sent == 1)
        cluster.kill()
        for part in range(1, 30):
            outbox.offer(inspection(part))
        assert until(lambda: outbox.statistics().sinks["db"].fault)
        cluster.start()
        assert until(lambda: outbox.statistics().sinks["db"].sent == 30, timeout_s=40)
    assert rows(cluster, "SELECT count(*) FROM back_inspection") == [(30,)]


def test_a_wrong_password_of_a_database_is_told_without_it(cluster, tmp_path, monkeypatch):
    monkeypatch.setenv("PG_PASSWORD", "open sesame")
    sink = open_sink(in_cluster(cluster))
    with pytest.raises(OutputError, match="password authentication failed") as caught:
        sink.emit(parcel(tmp_path))
    assert "open sesame" not in str(caught.value)
    sink.close()


def test_tables_that_are_not_ours_are_an_error_and_are_left_alone(cluster, tmp_path, monkeypatch):
    import psycopg

    monkeypatch.setenv("PG_PASSWORD", "let me in")
    with psycopg.connect(
        f"host=127.0.0.1 port={cluster.port} user=line password='let me in' dbname=postgres"
    ) as db:
        db.execute("CREATE TABLE theirs_inspection (key text primary key, price int)")
    sink = open_sink(in_cluster(cluster, table="theirs"))
    with pytest.raises(OutputError):
        sink.emit(parcel(tmp_path))
    sink.close()
    assert rows(cluster, "SELECT count(*) FROM theirs_inspection") == [(0,)]


@pytest.mark.parametrize("url", ["mysql://x/y", "postgresql://u:secret@h/d", "results.db"])
def test_urls_of_databases_that_cannot_be_are_refused(url):
    with pytest.raises(SettingsError, match="database: url: expected a URL"):
        open_sink({"kind": "database", "url": url})


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with s3(tmp_path_factory.mktemp("s3") / "data") as running:
        yield running


def in_store(store, bucket="parts", **more):
    return {
        "kind": "objects",
        "url": f"s3://{bucket}/line-1",
        "endpoint": f"http://127.0.0.1:{store.port}",
        "allow_http": True,
        "region": "us-east-1",
        "id_env": "S3_ID",
        "secret_env": "S3_SECRET",
        **more,
    }


def bucket(store, name):
    """The bucket, made when it is missing; obstore makes none."""
    import obstore
    from obstore.store import S3Store

    opened = S3Store(
        name,
        endpoint=f"http://127.0.0.1:{store.port}",
        region="us-east-1",
        access_key_id="line",
        secret_access_key="secret1",
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )

    def ready():
        try:
            obstore.put(opened, "made", b"")  # this server makes a bucket with its first object
        except obstore.exceptions.BaseError:
            return False
        return True

    assert until(ready, timeout_s=40), "the store does not take an object"
    return opened


def test_pictures_of_rejected_parts_go_to_an_object_store(store, tmp_path, monkeypatch):
    import obstore

    monkeypatch.setenv("S3_ID", "line")
    monkeypatch.setenv("S3_SECRET", "secret1")
    opened = bucket(store, "parts")
    sink = open_sink(in_store(store))
    bad, good = parcel(tmp_path, 1), parcel(tmp_path, 2, Verdict.PASS)
    for one in (bad, good, bad):
        sink.emit(one)
    sink.close()
    names = {one["path"] for page in obstore.list(opened, "line-1") for one in page}
    place = "line-1/2026-03-04/caps/r1/1"
    assert names == {f"{place}.json", f"{place}-top.jpg", f"{place}-top-annotated.jpg"}
    data = bytes(obstore.get(opened, f"{place}-top.jpg").bytes())
    assert data == bad.pictures[0].path.read_bytes()
    assert json.loads(bytes(obstore.get(opened, f"{place}.json").bytes()))["key"] == "caps/r1/1"


def test_a_wrong_key_of_a_store_is_told_without_it(store, tmp_path, monkeypatch):
    bucket(store, "parts")
    monkeypatch.setenv("S3_ID", "line")
    monkeypatch.setenv("S3_SECRET", "open sesame")
    sink = open_sink(in_store(store))
    with pytest.raises(OutputError, match="PermissionDenied") as caught:
        sink.emit(parcel(tmp_path))
    assert "open sesame" not in str(caught.value)
    sink.close()


def test_an_endpoint_without_encryption_takes_consent(store):
    with pytest.raises(SettingsError, match="allow_http = true"):
        open_sink(in_store(store, allow_http=False))
