"""How the page looks, in light and in dark."""

from __future__ import annotations


STYLE = """
:root { color-scheme: light dark; --back: #fff; --ink: #1a1a1a; --faint: #5f5f5f; --rule: #ddd; --band: #0072b21f;
 --harmful: #b3261e; --repaired: #1a6b2d; --harmless: #7a5c00; --harmful-back: #f8d2cf; --repaired-back: #c9f0d0;
 --harmless-back: #f5e3a8; --c0: #0072b2; --c1: #d55e00; --c2: #007a5a; --c3: #a8487f; --c4: #b07800; --c5: #2f8fc4;
 --c6: #5b4bb0; --c7: #5a5a5a }
@media (prefers-color-scheme: dark) { :root { --back: #161616; --ink: #e6e6e6; --faint: #a5a5a5; --rule: #3c3c3c;
 --band: #56b4e926; --harmful: #ff8a80; --repaired: #7fd693; --harmless: #e2c55a; --harmful-back: #6e211c;
 --repaired-back: #1f5c2d; --harmless-back: #5c4a0c; --c0: #56b4e9; --c1: #ff8f4a; --c2: #2fc79c; --c3: #e59bc6;
 --c4: #f0c23b; --c5: #9ad4f5; --c6: #a99cf0; --c7: #b5b5b5 } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; color: var(--ink);
background: var(--back) } nav a { margin-right: 1rem } a { color: inherit }
small, .tick, figcaption { color: var(--faint) }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--rule); text-align: left; vertical-align: top }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
.pass, .repaired { color: var(--repaired) } .fail, .harmful { color: var(--harmful) }
.unavailable, .inconclusive, .harmless { color: var(--harmless) } .fail { font-weight: 600 }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 34rem), 1fr)); gap: 1.5rem }
figure { margin: 0 } figure h3 { margin: 0 0 .3rem; font-size: 1rem } figcaption { font-size: .85rem }
svg { width: 100%; height: auto; font: 14px system-ui, sans-serif } svg text { fill: var(--ink) }
svg .tick { fill: var(--faint) } .grid { stroke: var(--rule); fill: none } .axis { stroke: var(--faint); fill: none }
.reference { stroke: var(--ink); stroke-dasharray: 2 3 } .band { fill: var(--band) }
.lead { stroke: var(--rule); fill: none } svg .line { fill: none; stroke: currentColor; stroke-width: 1.6 }
svg .dashed { stroke-dasharray: 5 3 } svg circle { fill: currentColor; stroke: var(--back) }
svg .bar { fill: currentColor } svg .key { fill: currentColor } .c0 { color: var(--c0) } .c1 { color: var(--c1) }
.c2 { color: var(--c2) } .c3 { color: var(--c3) } .c4 { color: var(--c4) } .c5 { color: var(--c5) }
.c6 { color: var(--c6) } .c7 { color: var(--c7) } fieldset { border: 0; padding: 0; margin: .4rem 0 }
legend { float: left; margin-right: .8rem } label { margin-right: 1rem }
.flip { border-top: 1px solid var(--rule); padding: .5rem 0; content-visibility: auto; contain-intrinsic-size: auto
12rem } .flip:not([open]) { contain-intrinsic-size: auto 2.5rem } summary { cursor: pointer }
summary mark { margin-left: .4rem }
.strip { position: relative; display: inline-block; max-width: 100%; margin-top: .5rem }
.strip img { max-width: 100%; display: block }
.strip i { position: absolute; top: -3px; bottom: -3px; box-sizing: border-box; border: 2px solid; border-radius:
3px; min-width: 7px } .strip .harmful { color: #d01010 } .strip .repaired { color: #0a8a2a }
.strip .harmless { color: #c98a00 } .flip table { margin: .4rem 0 } .flip th { font-weight: 500; max-width: 20rem }
.flip td, .flip th { border: 0; padding: .1rem .6rem }
.read { white-space: pre; font-family: ui-monospace, "DejaVu Sans Mono", monospace }
.what { font-size: .85rem; color: var(--faint) } mark { color: inherit; border-radius: 3px; background: var(--rule) }
summary mark { padding: 0 .4rem; font-size: .8rem } mark.harmful { background: var(--harmful-back) }
mark.repaired { background: var(--repaired-back) } mark.harmless { background: var(--harmless-back) }
.gap { color: var(--rule) } u { text-decoration: underline dotted } u.gap { color: var(--faint) }
@media print { .flip { content-visibility: visible } }
"""
