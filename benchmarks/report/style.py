"""How the page looks: in light, in dark and on paper."""

from __future__ import annotations


STYLE = """
:root { color-scheme: light dark; --back: #fff; --ink: #1a1a1a; --faint: #5f5f5f; --rule: #ccc; --band: #0072b21f;
 --harmful: #b3261e; --repaired: #1a6b2d; --harmless: #7a5c00; --harmful-back: #f8d2cf; --repaired-back: #c9f0d0;
 --harmless-back: #f5e3a8; --c0: #0068a3; --c1: #b84a00; --c2: #007355; --c3: #a8487f; --c4: #8a5e00; --c5: #4d7a00;
 --c6: #5b4bb0; --c7: #5a5a5a }
@media (prefers-color-scheme: dark) { :root { --back: #161616; --ink: #e6e6e6; --faint: #a5a5a5; --rule: #4c4c4c;
 --band: #56b4e926; --harmful: #ff8a80; --repaired: #7fd693; --harmless: #e2c55a; --harmful-back: #6e211c;
 --repaired-back: #1f5c2d; --harmless-back: #5c4a0c; --c0: #56b4e9; --c1: #ff8f4a; --c2: #2fc79c; --c3: #e59bc6;
 --c4: #f0c23b; --c5: #b5d66a; --c6: #a99cf0; --c7: #b5b5b5 } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; color: var(--ink);
background: var(--back) } a { color: inherit } nav ul { list-style: none; padding: 0 } nav li { display: inline-block;
margin-right: 1rem } :focus-visible { outline: 2px solid var(--c0); outline-offset: 2px }
.lead { font-size: 1.2rem; font-weight: 600; margin: .5rem 0 } .conclusions { list-style: none; padding: 0 }
.conclusions li { border-left: 4px solid; padding: .2rem .8rem; margin: .3rem 0; border-color: var(--faint) }
li.good { border-color: var(--repaired) } li.bad { border-color: var(--harmful) }
li.open { border-color: var(--harmless) } .good strong { color: var(--repaired) } .bad strong { color: var(--harmful) }
.open strong { color: var(--harmless) } .absent { color: var(--faint) } td.good { color: var(--repaired) }
td.bad { color: var(--harmful); font-weight: 600 } td.open { color: var(--harmless) }
small, .tick, figcaption, caption { color: var(--faint) } caption { text-align: left; font-size: .85rem }
.unseen { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden }
.scroll { position: relative; overflow-x: auto; margin: 1rem 0 } table { border-collapse: collapse }
tbody th { font-weight: 500 }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--rule); text-align: left; vertical-align: top }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
.repaired { color: var(--repaired) } .harmful { color: var(--harmful) } .harmless { color: var(--harmless) }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 34rem), 1fr)); gap: 1.5rem }
figure { margin: 0 } figure h3 { margin: 0 0 .3rem; font-size: 1rem } figcaption { font-size: .85rem }
svg { width: 100%; height: auto; font: 14px system-ui, sans-serif } svg text { fill: var(--ink) }
svg .tick { fill: var(--faint) } .grid { stroke: var(--rule); fill: none } .axis { stroke: var(--faint); fill: none }
.reference { stroke: var(--ink); stroke-dasharray: 2 3 } .band { fill: var(--band) }
.lead-line { stroke: var(--rule); fill: none } svg .line { fill: none; stroke: currentColor; stroke-width: 1.6 }
svg .dashed { stroke-dasharray: 5 3 } svg circle { fill: currentColor; stroke: var(--back) }
svg .bar { fill: currentColor } svg .key { fill: currentColor } .c0 { color: var(--c0) } .c1 { color: var(--c1) }
.c2 { color: var(--c2) } .c3 { color: var(--c3) } .c4 { color: var(--c4) } .c5 { color: var(--c5) }
.c6 { color: var(--c6) } .c7 { color: var(--c7) } fieldset { border: 0; padding: 0; margin: .4rem 0 }
legend { float: left; margin-right: .8rem } label { margin-right: 1rem; display: inline-block }
.flip { border-top: 1px solid var(--rule); padding: .5rem 0; content-visibility: auto;
contain-intrinsic-size: auto 2.5rem } summary { cursor: pointer }
.strip { position: relative; display: inline-block; max-width: 100%; margin-top: .5rem }
.strip img { max-width: 100%; display: block }
.strip i { position: absolute; top: -3px; bottom: -3px; box-sizing: border-box; border: 2px solid; border-radius:
3px; min-width: 7px } .strip .harmful { color: #d01010 } .strip .repaired { color: #0a8a2a; border-style: dashed }
.strip .harmless { color: #a06a00; border-style: dotted } .flip .scroll { margin: .4rem 0 }
.flip th { font-weight: 500; max-width: 20rem } .flip td, .flip th { border: 0; padding: .1rem .6rem }
.flip thead th { color: var(--faint); font-size: .85rem }
.read { white-space: pre; font-family: ui-monospace, "DejaVu Sans Mono", monospace }
.what { font-size: .85rem; color: var(--faint) } mark { color: var(--ink); border-radius: 3px;
background: var(--rule) } summary mark { padding: 0 .4rem; font-size: .8rem; white-space: nowrap }
mark[class] { color: var(--ink) } mark.harmful { background: var(--harmful-back) }
mark.repaired { background: var(--repaired-back) } mark.harmless { background: var(--harmless-back) }
.gap { color: var(--rule) } u { text-decoration: underline dotted } u.gap { color: var(--faint) }
@media print { body { margin: 0; max-width: none; font-size: 10pt } nav, fieldset { display: none }
 .scroll { overflow: visible } .flip { content-visibility: visible; break-inside: avoid }
 details::details-content { content-visibility: visible; block-size: auto } .read { white-space: pre-wrap }
 mark, .strip i { print-color-adjust: exact } thead { display: table-header-group } tr, figure { break-inside: avoid }
 h2, h3 { break-after: avoid } }
"""
