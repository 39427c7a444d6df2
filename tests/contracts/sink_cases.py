"""For each kind of sink: settings that work, what it wrote, and settings whose receiver is not there."""

from __future__ import annotations

import csv
import json
import sqlite3

from peers import free_port, until
from receivers import HttpReceiver, mosquitto


class Case:
    """One kind's receiver, `settings` that reach it, and `away`, settings that reach nobody."""

    def __init__(self, folder):
        self.folder = folder
        self.settings, self.away = {}, {}
        self.open()

    def open(self):
        raise NotImplementedError

    def keys(self):
        """The keys of what arrived, each as often as a reader would count it."""
        raise NotImplementedError

    def close(self):
        """The receiver is gone."""


class Folder(Case):
    def open(self):
        self.settings = {"path": str(self.folder / "out"), "pictures": "all"}
        (self.folder / "file").touch()
        self.away = {"path": str(self.folder / "file" / "out")}

    def keys(self):
        return [json.loads(path.read_text())["key"] for path in sorted((self.folder / "out").rglob("*.json"))]


class Csv(Case):
    def open(self):
        self.settings = {"path": str(self.folder / "out")}
        (self.folder / "file").touch()
        self.away = {"path": str(self.folder / "file" / "out")}

    def keys(self):
        rows = []
        for path in sorted((self.folder / "out").glob("*.csv")):
            with path.open(newline="") as file:
                rows += [row["key"] for row in csv.DictReader(file)]
        return rows


class Database(Case):
    def open(self):
        self.settings = {"url": f"sqlite:///{self.folder}/out.db"}
        self.away = {"url": f"sqlite:///{self.folder}/no/such/folder/out.db"}

    def keys(self):
        db = sqlite3.connect(self.folder / "out.db")
        found = [key for (key,) in db.execute("SELECT key FROM lineside_inspection ORDER BY part")]
        db.close()
        return found


class Webhook(Case):
    def open(self):
        self._receiver = HttpReceiver()
        self.settings = {"url": self._receiver.url, "pictures": "all"}
        self.away = {"url": f"http://127.0.0.1:{free_port()}/", "timeout_s": 1}

    def keys(self):
        return list(dict.fromkeys(headers["webhook-id"] for _, headers, _ in self._receiver.got))

    def close(self):
        self._receiver.close()


class Objects(Case):
    def open(self):
        self.settings = {"url": f"file://{self.folder}/out", "pictures": "all"}
        self.away = {
            "url": "s3://bucket",
            "endpoint": f"http://127.0.0.1:{free_port()}",
            "allow_http": True,
            "region": "eu",
            "id_env": "TEST_ID",
            "secret_env": "TEST_SECRET",
            "timeout_s": 1,
        }

    def keys(self):
        return [json.loads(path.read_text())["key"] for path in sorted((self.folder / "out").rglob("*.json"))]


class Video(Case):
    def open(self):
        self.settings = {"path": str(self.folder / "out"), "frames": 100}
        (self.folder / "file").touch()
        self.away = {"path": str(self.folder / "file" / "out")}

    def keys(self):
        """A video knows no keys: as many as it has frames."""
        import cv2

        count = 0
        for path in (self.folder / "out" / "top").glob("*.mp4"):
            video = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
            while video.read()[0]:
                count += 1
            video.release()
        return [f"caps/r1/{number}" for number in range(count)]


class Mqtt(Case):
    def open(self):
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self._broker = mosquitto(self.folder).start()
        self._got = []
        self._reader = Client(CallbackAPIVersion.VERSION2)
        ready = []
        self._reader.on_subscribe = lambda *_: ready.append(True)
        self._reader.on_message = lambda _client, _data, message: self._got.append(
            json.loads(message.payload)["key"]
        )
        self._reader.connect("127.0.0.1", self._broker.port)
        self._reader.subscribe("lineside/caps/results", qos=1)
        self._reader.loop_start()
        assert until(lambda: ready)
        self.settings = {"host": "127.0.0.1", "port": self._broker.port}
        self.away = {"host": "127.0.0.1", "port": free_port(), "timeout_s": 1}

    def keys(self):
        until(lambda: len(set(self._got)) >= 3, timeout_s=5)
        return list(dict.fromkeys(self._got))

    def close(self):
        self._reader.disconnect()
        self._reader.loop_stop()
        self._broker.kill()


CASES = {
    "folder": Folder,
    "csv": Csv,
    "database": Database,
    "webhook": Webhook,
    "objects": Objects,
    "video": Video,
    "mqtt": Mqtt,
}
