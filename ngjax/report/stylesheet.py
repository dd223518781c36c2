"""The page's typography. No font, picture or script is fetched from anywhere."""

CSS = """
:root {
  color-scheme: light dark;
  --paper: #fcfcfa; --ink: #1d2125; --quiet: #646b74; --rule: #e2e3df; --well: #f3f3ef;
  --accent: #0067a8;
  --yes: #046c4e; --yes-well: #ddf1e8; --no: #a13a08; --no-well: #fbe5d8;
  --unasked: #5b626b; --unasked-well: #eaebed;
  --serif: Charter, "Bitstream Charter", "Sitka Text", Cambria, Georgia, "DejaVu Serif", serif;
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans",
    sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15171a; --ink: #e3e5e7; --quiet: #979fa8; --rule: #2c3035; --well: #1e2125;
    --accent: #6cb6ea;
    --yes: #6fd6ae; --yes-well: #11352a; --no: #f5a27a; --no-well: #43210f;
    --unasked: #a7aeb6; --unasked-well: #2a2e33;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 4.5rem 1.25rem 6rem; max-width: 48.5rem;
  background: var(--paper); color: var(--ink);
  font: 1.0625rem/1.62 var(--serif); overflow-wrap: break-word;
}
h1 { margin: 0.35rem 0 1.4rem; font-size: 2.15rem; line-height: 1.18; font-weight: 600;
  letter-spacing: -0.012em; text-wrap: balance; }
h2 { margin: 3.4rem 0 1rem; font-size: 1.3rem; line-height: 1.3; font-weight: 600; }
h3 { margin: 0 0 0.6rem; font: 600 0.95rem/1.4 var(--sans); }
p { margin: 0 0 1rem; }
.eyebrow, .note, figcaption, table, summary, .badge, .detail, dl { font-family: var(--sans); }
.eyebrow { margin: 0; color: var(--quiet); font-size: 0.85rem; letter-spacing: 0.01em; }
.eyebrow b { color: var(--accent); font-weight: 600; }
.eyebrow .alarm { color: var(--no); font-weight: 600; }
code, pre { font-family: var(--mono); font-size: 0.82rem; }
code { padding: 0.1em 0.3em; border-radius: 3px; background: var(--well); }
pre { margin: 0 0 1.1rem; padding: 0.85rem 1.05rem; border-radius: 6px; background: var(--well);
  line-height: 1.55; overflow-x: auto; tab-size: 4; }
.wide { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: 0.86rem; line-height: 1.4;
  font-variant-numeric: tabular-nums lining-nums; }
th { padding: 0.45rem 0.9rem; font-weight: 600; text-align: right; vertical-align: bottom;
  white-space: nowrap; }
thead th { border-bottom: 1px solid var(--ink); color: var(--quiet); font-weight: 500; }
td { padding: 0.55rem 0.9rem; text-align: right; vertical-align: top; white-space: nowrap; }
tbody tr + tr > * { border-top: 1px solid var(--rule); }
th:first-child, td:first-child { padding-left: 0; text-align: left; }
th:last-child, td:last-child { padding-right: 0; }
tbody th { padding-top: 0.55rem; padding-bottom: 0.55rem; vertical-align: top; }
td.best { font-weight: 700; }
.note { margin: 0.8rem 0 0; color: var(--quiet); font-size: 0.82rem; line-height: 1.5; }
.claims { margin: 0; padding: 0; list-style: none; }
.claims li { display: grid; grid-template-columns: 7.6rem 1fr; gap: 0.2rem 1rem;
  padding: 0.8rem 0; border-top: 1px solid var(--rule); break-inside: avoid; }
.claims li:last-child { border-bottom: 1px solid var(--rule); }
.claims p { margin: 0; }
.badge { justify-self: start; align-self: start; margin-top: 0.22rem; padding: 0.08rem 0.6rem;
  border-radius: 1rem; font-size: 0.78rem; font-weight: 600; line-height: 1.6;
  white-space: nowrap; }
.holds { color: var(--yes); background: var(--yes-well); }
.fails { color: var(--no); background: var(--no-well); }
.unasked { color: var(--unasked); background: var(--unasked-well); }
.claims .detail { margin-top: 0.15rem; color: var(--quiet); font-size: 0.84rem; line-height: 1.5; }
figure { margin: 0 0 2.6rem; break-inside: avoid; }
figure img { display: block; max-width: 100%; height: auto; margin: 0 auto; }
.card { padding: 0.9rem; border: 1px solid var(--rule); border-radius: 8px; background: #fff; }
figcaption { margin-top: 0.7rem; color: var(--quiet); font-size: 0.86rem; line-height: 1.5; }
figcaption b { color: var(--ink); font-weight: 600; }
section.text { margin-bottom: 2rem; }
details { margin-top: 1.4rem; }
summary { cursor: pointer; font-size: 0.92rem; font-weight: 600; }
summary:hover, summary:focus-visible { color: var(--accent); }
details table { margin-top: 0.8rem; font-size: 0.82rem; }
details td, details th, .facts th, .facts td { padding: 0.3rem 1rem 0.3rem 0; text-align: left;
  white-space: normal; overflow-wrap: anywhere; }
details th, .facts th { width: 38%; font-weight: 500; color: var(--quiet); }
details table th, details table td { font-family: var(--mono); font-size: 0.78rem; }
@media (max-width: 34rem) {
  body { padding-top: 2.2rem; font-size: 1rem; }
  h1 { font-size: 1.7rem; }
  .claims li { grid-template-columns: 1fr; }
  .card { padding: 0.4rem; }
}
@media print {
  :root { color-scheme: light; --paper: #fff; --ink: #000; --quiet: #444; --rule: #ccc;
    --well: #f5f5f5; --accent: #000; --yes: #000; --no: #000; --unasked: #444;
    --yes-well: #fff; --no-well: #fff; --unasked-well: #fff; }
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  h2, h3 { break-after: avoid; }
  .badge { border: 1px solid; }
  pre { white-space: pre-wrap; }
}
"""
