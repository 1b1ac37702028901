/** The report's look, for light and dark screens and for paper. */
export const STYLE = `
:root{color-scheme:light dark;--ink:#17212b;--soft:#5b6874;--line:#dfe4e8;--page:#f6f7f8;--card:#fff;--good:#0d7f55;--bad:#c22f2f;--warn:#a86500;--shade:rgba(23,33,43,.045);
--c0:#1667b7;--c1:#d9702a;--c2:#149174;--c3:#8e4fc4;--c4:#c0392f;--c5:#7a8a1e;--c6:#4aa3d8;--c7:#8a6d4f}
@media (prefers-color-scheme:dark){:root{--ink:#e7ecf0;--soft:#9aa7b3;--line:#2b353e;--page:#11171c;--card:#192128;--good:#3cc48d;--bad:#ff7a70;--warn:#f0b44d;--shade:rgba(255,255,255,.045);
--c0:#64aef2;--c1:#f49a5c;--c2:#47c9a8;--c3:#b98be6;--c4:#f0766c;--c5:#b7c75a;--c6:#8bd0f5;--c7:#c3a688}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,"Segoe UI",Roboto,"Noto Sans",sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1180px;margin:0 auto;padding:28px 20px 60px}
.fence{border-radius:10px;padding:16px 20px;font-size:21px;font-weight:650;color:#fff;background:#0b6b48;margin:0 0 18px}
.fence.broken{background:#b02525}.fence.unproved{background:#8a5400}
.fence small{display:block;font-size:14px;font-weight:400;opacity:.92}
h1{font-size:26px;margin:6px 0 2px;display:flex;gap:14px;align-items:center;flex-wrap:wrap}
h2{font-size:18px;margin:38px 0 12px}
.verdict{font-size:14px;font-weight:650;padding:2px 12px;border-radius:20px;border:2px solid currentColor}
.good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}
.about{color:var(--soft);margin:0 0 6px;max-width:75ch}
.load{font-weight:600;margin:8px 0 0;max-width:90ch}
.reasons{margin:10px 0 0;padding:10px 16px 10px 34px;background:var(--card);border-left:4px solid var(--bad);border-radius:6px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(230px,1fr));gap:10px;margin:20px 0 0}
.tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:11px 14px}
.tile b{display:block;font-size:22px;font-weight:650;line-height:1.25;white-space:nowrap}
.tile span{color:var(--soft);font-size:13px}
.grid2{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,480px),1fr));gap:14px}
figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px 12px 6px;min-width:0}
figure.wide{padding:12px 12px 8px;overflow-x:auto}figure.wide svg{min-width:760px}
figcaption{font-weight:600;display:flex;justify-content:space-between;gap:8px 16px;flex-wrap:wrap;margin:0 4px 6px}
figcaption small{font-weight:400;color:var(--soft)}
.legend{font-weight:400;font-size:12.5px;color:var(--soft);display:flex;gap:2px 12px;flex-wrap:wrap}
.key::before{content:"";display:inline-block;width:10px;height:10px;border-radius:3px;margin-right:5px;background:currentColor}
.key{color:var(--soft)}
${[0, 1, 2, 3, 4, 5, 6, 7]
  .map((n) => `.k${n}::before{background:var(--c${n})}.s${n}{stroke:var(--c${n})}.f${n}{fill:var(--c${n})}`)
  .join('')}
svg{width:100%;height:auto;display:block;overflow:visible}
svg text{font-size:11.5px;fill:var(--soft);font-family:inherit}
.end{text-anchor:end}.middle{text-anchor:middle}
.line{fill:none;stroke-width:1.8;stroke-linejoin:round}.area{opacity:.28}.bar{opacity:.85}
line.grid{stroke:var(--line);stroke-width:1}
.shade{fill:var(--shade)}
line.mark{stroke:var(--bad);stroke-width:1.3;stroke-dasharray:4 3}circle.mark{fill:var(--bad)}
line.limit{stroke:var(--bad);stroke-width:1.2;opacity:.75}
.whisker{stroke:var(--c0);stroke-width:1.6}.dot{fill:var(--card);stroke:var(--c0);stroke-width:2.5}.most{fill:var(--soft)}
.band.even{fill:var(--c0);opacity:.16}.band.odd{fill:var(--c0);opacity:.28}
svg text.phase{fill:var(--ink);opacity:.72}svg text.word{fill:var(--ink);font-size:13px}
.event,.span{fill:var(--soft)}.event.fault,.span.fault{fill:var(--c1)}.event.death,.event.isolation{fill:var(--bad)}.event.recovery{fill:var(--good)}
.span{opacity:.55}.drop{stroke:var(--line);stroke-width:1.2}
.empty{color:var(--soft);margin:18px 6px 22px}
.table{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:10px}
table{border-collapse:collapse;width:100%;font-size:14px}
th,td{padding:7px 12px;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}
tr:last-child td{border-bottom:0}
th{color:var(--soft);font-weight:600;font-size:12.5px;white-space:nowrap}
td.n,th.n{text-align:right;white-space:nowrap}
code{font:12.5px ui-monospace,"DejaVu Sans Mono",monospace;color:var(--soft)}
footer{margin-top:44px;color:var(--soft);font-size:13px}
@media print{body{background:#fff}figure,.table,.tile{break-inside:avoid}}
`;
