"""The pages of a view in a browser: one for all cameras, one for each. They say it when what they show is not live."""

from __future__ import annotations

import urllib.parse
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="/view.css">
<script src="/view.js" defer></script>
</head>
<body>
<header>
<h1>{line}</h1><span id="state"></span>
<nav>{links}</nav>
</header>
<p id="dead" hidden></p>
<ul id="alarms"></ul>
<main>
<figure id="shown"><img id="picture" data-stream="{stream}" alt="{alt}"><noscript><img src="{stream}" alt="{alt}"></noscript></figure>
<aside>
<table id="verdicts"></table>
<table id="views"></table>
<table id="stages"></table>
<table id="devices"></table>
<table id="cameras"></table>
</aside>
</main>
</body>
</html>
"""

STYLE = """
:root { color-scheme: dark; --ground: #16181c; --sheet: #202329; --ink: #eceef1; --faint: #9aa3af; --rule: #343a43;
  --pass: #28b273; --fail: #e86e20; --unknown: #f0e442; }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.45 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 6px 18px; padding: 10px 16px; }
h1 { font-size: 20px; margin: 0; }
#state { color: var(--faint); } nav { margin-left: auto; display: flex; flex-wrap: wrap; gap: 6px; }
nav a { color: var(--ink); text-decoration: none; padding: 3px 10px; border: 1px solid var(--rule); border-radius: 6px; }
nav a[aria-current] { background: var(--ink); color: var(--ground); }
nav a:focus-visible { outline: 3px solid #56b4e9; }
#dead { margin: 0; padding: 10px 16px; background: var(--unknown); color: #000; font-weight: 700; font-size: 18px; }
#alarms { list-style: none; margin: 0; padding: 0; }
#alarms li { padding: 6px 16px; background: #3a2a1c; border-left: 6px solid var(--fail); }
#alarms li::before { content: "! "; font-weight: 700; color: var(--fail); }
main { display: grid; grid-template-columns: minmax(0, 1fr) 340px; gap: 16px; padding: 10px 16px 24px; align-items: start; }
@media (max-width: 1000px) { main { grid-template-columns: minmax(0, 1fr); } }
figure { margin: 0; } #picture { display: block; max-width: 100%; max-height: 92vh; margin: 0 auto; }
.dead #picture { filter: grayscale(1) brightness(.45); }
aside { display: grid; gap: 12px; }
table { border-collapse: collapse; width: 100%; background: var(--sheet); border-radius: 8px; }
table:empty { display: none; }
caption { text-align: left; color: var(--faint); padding: 0 0 3px 2px; font-size: 13px; }
th, td { padding: 4px 10px; text-align: right; vertical-align: top; font-variant-numeric: tabular-nums; font-weight: 400; }
th { color: var(--faint); font-size: 13px; } th:first-child, td:first-child { text-align: left; }
td.wide { text-align: left; color: var(--faint); font-size: 13px; overflow-wrap: anywhere; }
.PASS { color: var(--pass); font-weight: 700; } .FAIL { color: var(--fail); font-weight: 700; }
.UNKNOWN { color: var(--unknown); font-weight: 700; }
.PASS::before { content: "\\2713\\00a0"; } .FAIL::before { content: "\\2717\\00a0"; } .UNKNOWN::before { content: "?\\00a0"; }
"""
"""One dark style sheet; nothing is loaded from elsewhere."""

# Pictures are read from the stream by hand: of a picture in an <img> nobody can tell whether it is still the newest.
SCRIPT = r"""
"use strict";
const picture = document.getElementById("picture");
const STALE_MS = 3000;
let shownAt = 0, told = "connecting";

function whyDead() {
  if (!shownAt) return told === "connecting" ? "" : `NOT LIVE: ${told}`;
  const age = Date.now() - shownAt;
  return age > STALE_MS ? `NOT LIVE for ${Math.round(age / 1000)} s: ${told}` : "";
}
setInterval(() => {
  const why = whyDead(), line = document.getElementById("dead");
  line.hidden = !why;
  line.textContent = why;
  document.body.classList.toggle("dead", Boolean(why));
}, 250);

function show(bytes) {
  const url = URL.createObjectURL(new Blob([bytes], {type: "image/jpeg"}));
  const before = picture.src;
  picture.src = url;
  if (before.startsWith("blob:")) setTimeout(() => URL.revokeObjectURL(before), 1000);
  shownAt = Date.now();
}

function find(bytes, text, from) {
  outer: for (let at = from; at <= bytes.length - text.length; at++) {
    for (let k = 0; k < text.length; k++) if (bytes[at + k] !== text.charCodeAt(k)) continue outer;
    return at;
  }
  return -1;
}

async function watch() {
  const answer = await fetch(picture.dataset.stream, {cache: "no-store"});
  if (!answer.ok) throw new Error((await answer.text()).trim());
  const reader = answer.body.getReader();
  let kept = new Uint8Array(0);
  for (;;) {
    const {done, value} = await reader.read();
    if (done) throw new Error("the line has ended, or let this viewer go");
    const joined = new Uint8Array(kept.length + value.length);
    joined.set(kept);
    joined.set(value, kept.length);
    kept = joined;
    let newest = null;
    for (;;) {
      const end = find(kept, "\r\n\r\n", 0);
      if (end < 0) break;
      const head = new TextDecoder().decode(kept.subarray(0, end));
      const length = Number(/content-length: *(\d+)/i.exec(head)?.[1]);
      if (!Number.isFinite(length)) throw new Error("a picture came without its length");
      if (kept.length < end + 4 + length) break;
      newest = kept.slice(end + 4, end + 4 + length);
      kept = kept.slice(end + 4 + length);
    }
    if (newest) { show(newest); told = "no picture comes any more"; }
  }
}

(async () => {
  for (;;) {
    try { await watch(); } catch (fault) {
      told = fault instanceof TypeError ? "lineside does not answer" : fault.message;
    }
    await new Promise((go) => setTimeout(go, 1000));
  }
})();

function table(id, caption, heads, rows) {
  const where = document.getElementById(id);
  where.replaceChildren();
  if (!rows.length) return;
  where.createCaption().textContent = caption;
  if (heads.length) {
    const line = where.createTHead().insertRow();
    for (const head of heads) line.append(Object.assign(document.createElement("th"), {textContent: head}));
  }
  const body = where.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    for (const cell of row) {
      const {text, kind, span} = typeof cell === "object" && cell ? cell : {text: cell};
      Object.assign(line.insertCell(), {textContent: text ?? "", className: kind ?? "", colSpan: span ?? 1});
    }
  }
}

const ms = (value) => value === undefined || value === null ? "" : value.toFixed(value < 10 ? 2 : 1);

function tell(state) {
  document.getElementById("state").textContent =
    `${state.state}, ${state.answered} parts, ${state.parts_per_minute} a minute`;
  document.getElementById("alarms").replaceChildren(
    ...state.alarms.map((text) => Object.assign(document.createElement("li"), {textContent: text})));
  table("verdicts", "verdicts", [], Object.entries(state.verdicts).map(([name, n]) => [{text: name, kind: name}, n])
    .concat(Object.entries(state.reasons).map(([name, n]) => [`UNKNOWN: ${name}`, n])));
  table("views", "newest part of each view", [], state.view.views.flatMap((one) => one.part === null
    ? [[one.view, one.away || "no part yet"]]
    : [[one.view, {text: one.verdict, kind: one.is_old ? "" : one.verdict}],
       [{text: [`part ${one.part}, ${one.age_s} s ago`, one.reason, one.detail,
                Object.entries(one.counts).map(([name, n]) => `${n} ${name}`).join(", ")].filter(Boolean).join("; "),
         kind: "wide", span: 2}]]));
  table("stages", "milliseconds", ["stage", "p50", "p99"],
    Object.entries(state.stages_ms).map(([name, q]) => [name, ms(q.p50), ms(q.p99)]));
  table("devices", "devices", ["device", "state", "p50", "p99"], state.devices.flatMap((one) => [
    [one.name, one.health, ms(one.run_ms?.p50), ms(one.run_ms?.p99)],
    ...(one.detail ? [[{text: one.detail, kind: "wide", span: 4}]] : [])]));
  table("cameras", "cameras", ["camera", "state", "fps"], Object.entries(state.cameras).flatMap(([name, one]) => [
    [name, one.away ? "lost" : one.state, one.fps], ...(one.away ? [[{text: one.away, kind: "wide", span: 3}]] : [])]));
}

setInterval(async () => {
  try {
    const answer = await fetch("/state.json", {cache: "no-store"});
    if (answer.ok) tell(await answer.json());
  } catch (fault) {
    document.getElementById("state").textContent = "lineside does not answer";
  }
}, 1000);
"""


def page(line: str, views: Sequence[str], shown: str | None) -> str:
    """The page of a view, or of all of them.

    Args:
        line: The line's name.
        views: The names of its views.
        shown: The view; `None` for all.
    """
    links = [_link("/", "all", is_current=shown is None)]
    links += [
        _link(f"/camera/{urllib.parse.quote(name, safe='')}", name, is_current=name == shown)
        for name in views
    ]
    return _PAGE.format(
        title=escape(line if shown is None else f"{shown} - {line}"),
        line=escape(line),
        links="".join(links),
        stream="/stream.mjpg" if shown is None else f"/stream/{urllib.parse.quote(shown, safe='')}.mjpg",
        alt=escape("all cameras" if shown is None else shown),
    )


def _link(path: str, name: str, *, is_current: bool) -> str:
    mark = ' aria-current="page"' if is_current else ""
    return f'<a href="{escape(path)}"{mark}>{escape(name)}</a>'
