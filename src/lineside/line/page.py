"""The style of a report's page."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --ground: #f6f7f9; --sheet: #fff; --ink: #1c2128; --faint: #667080;
  --rule: #dfe3e8; --pass: #009e73; --fail: #d55e00; --unknown: #8a8f98; --bar: #4c8fc7; --shade: #f3c04b33; }
@media (prefers-color-scheme: dark) { :root { --ground: #14171b; --sheet: #1d2127; --ink: #e6e9ed;
  --faint: #98a2b0; --rule: #353b44; --pass: #1fb98c; --fail: #ee7b2b; --unknown: #878d98; --bar: #5b9fd8;
  --shade: #f3c04b26; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1000px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 18px; margin: 0 0 10px; }
p { margin: 6px 0; } .faint { color: var(--faint); }
section { background: var(--sheet); border: 1px solid var(--rule); border-radius: 10px; padding: 18px 20px;
  margin-top: 18px; overflow-x: auto; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(112px, 1fr)); gap: 12px; margin-top: 18px; }
.tile { background: var(--sheet); border: 1px solid var(--rule); border-radius: 10px; padding: 12px 14px; }
.tile b { display: block; font-size: 22px; white-space: nowrap; line-height: 1.2; font-variant-numeric: tabular-nums; }
.tile.pass b { color: var(--pass); } .tile.fail b { color: var(--fail); }
.kept::before { content: "✓ "; color: var(--pass); font-weight: 700; }
.broken::before { content: "✗ "; color: var(--fail); font-weight: 700; }
ul { list-style: none; margin: 0; padding: 0; }
table { border-collapse: collapse; width: 100%; } th { text-align: left; color: var(--faint); font-weight: 500; }
th, td { padding: 4px 14px 4px 0; border-bottom: 1px solid var(--rule); vertical-align: top;
  font-variant-numeric: tabular-nums; } tr:last-child td, tr:last-child th { border-bottom: 0; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(440px, 1fr)); gap: 16px; }
figure { margin: 0; } figure img { width: 100%; height: auto; border-radius: 6px; display: block; }
figcaption { font-size: 13px; color: var(--faint); padding-top: 4px; } figcaption b { color: var(--ink); }
.key { display: flex; flex-wrap: wrap; gap: 18px; font-size: 13px; color: var(--faint); margin: 0 0 6px; }
.key i { display: inline-block; width: 11px; height: 11px; border-radius: 2px; margin-right: 6px; }
svg { display: block; width: 100%; height: auto; font: 13px system-ui, "Segoe UI", Arial, sans-serif; }
svg text { fill: var(--ink); } svg .small { font-size: 12px; fill: var(--faint); }
svg .middle { text-anchor: middle; } svg .end { text-anchor: end; } svg .strong { font-weight: 600; }
svg .pass { fill: var(--pass); } svg .fail { fill: var(--fail); } svg .unknown { fill: var(--unknown); }
svg .bar { fill: var(--bar); } svg .shade { fill: var(--shade); } svg .cell { fill: var(--ground); rx: 4px; }
svg .frame { fill: none; stroke: var(--fail); stroke-width: 1.5; stroke-dasharray: 5 3; rx: 4px; }
svg .grid { stroke: var(--rule); } svg .axis { stroke: var(--faint); }
svg .p50 { stroke: var(--ink); stroke-width: 1.5; } svg .p99 { stroke: var(--ink); stroke-dasharray: 2 2; }
svg .deadline { stroke: var(--fail); stroke-width: 1.5; stroke-dasharray: 6 4; }
@media (max-width: 520px) { .pictures { grid-template-columns: 1fr; } }
"""
"""One style sheet for light and dark screens; nothing is loaded from elsewhere."""
