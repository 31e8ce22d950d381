// The pictures: SVG drawn by echarts, without a browser. Dark on white, so that they can be read on
// a light page and on a dark one.
import * as echarts from 'echarts';

const WIDTH = 760;
const ROW = 34;
const INK = '#1f2937';
const FAINT = '#d1d5db';
const BANTER = '#c2410c';
const LIMIT = '#334155';
const PEER = '#94a3b8';
const FONT = 'system-ui, Helvetica, Arial, sans-serif'; /* no quotes: echarts does not escape them */

const colour = (name) => (name.startsWith('Banter') ? BANTER : name.startsWith('limit') ? LIMIT : PEER);

function draw(height, option) {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  chart.setOption({ animation: false, backgroundColor: '#ffffff', textStyle: { fontFamily: FONT, color: INK }, ...option });
  // What reacts to a mouse has no place in a picture.
  const svg = chart.renderToSVGString().replace(/<style\s*>[\s\S]*?<\/style>\n?/g, '').replace(/ class="[^"]*"/g, '');
  chart.dispose();
  return svg;
}

const title = (text, subtext) => ({
  text,
  subtext,
  left: 16,
  top: 10,
  itemGap: 4,
  textStyle: { fontSize: 15, fontWeight: 600, color: INK, fontFamily: FONT },
  subtextStyle: { fontSize: 12, color: '#4b5563', fontFamily: FONT },
});

// Names are as wide as they are; the values stand right of the bars.
const frame = { left: 20, right: 130, top: 66, bottom: 34, containLabel: true };

const names = (rows) => ({
  type: 'category',
  data: rows.map(({ name }) => name),
  inverse: true,
  axisTick: { show: false },
  axisLine: { lineStyle: { color: FAINT } },
  axisLabel: { color: INK, fontSize: 13 },
});

const scale = (extra) => ({
  axisLabel: { color: '#4b5563', fontSize: 11, hideOverlap: true, formatter: (value) => value.toLocaleString('en-US') },
  splitLine: { lineStyle: { color: '#e5e7eb' } },
  ...extra,
});

// A line from the least to the most of the runs, with ends.
function whisker(params, api) {
  const [y, min, max] = [api.value(0), api.value(1), api.value(2)];
  const from = api.coord([min, y]);
  const to = api.coord([max, y]);
  const line = (x1, y1, x2, y2) => ({ type: 'line', shape: { x1, y1, x2, y2 }, style: { stroke: INK, lineWidth: 1.2 } });

  return {
    type: 'group',
    children: [
      line(from[0], from[1], to[0], to[1]),
      line(from[0], from[1] - 4, from[0], from[1] + 4),
      line(to[0], to[1] - 4, to[0], to[1] + 4),
    ],
  };
}

// rows: [{name, median, min, max, label}], drawn in their order.
export function bars({ heading, unit, rows }) {
  return draw(frame.top + frame.bottom + rows.length * ROW, {
    title: title(heading, `${unit}; median, and the line from the least to the most of the runs`),
    grid: frame,
    xAxis: scale({ type: 'value' }),
    yAxis: names(rows),
    series: [
      {
        type: 'bar',
        barWidth: 18,
        data: rows.map(({ name, median }) => ({ value: median, itemStyle: { color: colour(name) } })),
      },
      { type: 'custom', renderItem: whisker, data: rows.map(({ min, max }, y) => [y, min, max]), encode: { x: [1, 2], y: 0 }, z: 5 },
      {
        // The value, right of whatever reaches further: the bar or its line.
        type: 'scatter',
        symbolSize: 0.01,
        data: rows.map(({ max, label }, y) => ({ value: [max, y], label: { show: true, position: 'right', distance: 8, formatter: label, color: INK, fontSize: 12 } })),
        z: 6,
      },
    ],
  });
}

// Curves of what grows with what. lines: [{name, points: [[x, y]…]}]; both scales logarithmic if log.
export function curves({ heading, unit, along, lines, log = false }) {
  const colours = [BANTER, LIMIT, '#0f766e', '#7c3aed'];
  const symbols = ['circle', 'diamond', 'rect', 'triangle'];
  const axis = (extra) => scale({ type: log ? 'log' : 'value', axisLine: { show: true, lineStyle: { color: FAINT } }, ...extra });

  return draw(340, {
    title: title(heading, unit),
    legend: { left: 16, top: 56, itemGap: 18, textStyle: { color: INK, fontSize: 12 }, data: lines.map(({ name }, i) => ({ name, icon: symbols[i] })) },
    grid: { left: 20, right: 40, top: 92, bottom: 34, containLabel: true },
    xAxis: axis({ name: along, nameLocation: 'middle', nameGap: 26, nameTextStyle: { color: INK, fontSize: 12 }, min: log ? 'dataMin' : 0 }),
    yAxis: axis({}),
    series: lines.map(({ name, points }, i) => ({
      name,
      type: 'line',
      data: points,
      symbol: symbols[i],
      symbolSize: 8,
      color: colours[i],
      lineStyle: { width: 2, color: colours[i] },
      itemStyle: { color: colours[i] },
    })),
  });
}

// Percentiles on a logarithmic scale. rows: [{name, points: [value…], label}]; kinds: their names.
export function percentiles({ heading, unit, kinds, rows }) {
  const symbols = ['circle', 'diamond', 'rect', 'triangle'];
  const all = rows.flatMap(({ points }) => points);

  return draw(frame.top + frame.bottom + 26 + rows.length * ROW, {
    title: title(heading, `${unit}, on a logarithmic scale; medians of the runs`),
    grid: { ...frame, top: frame.top + 26 },
    legend: { left: 16, top: 56, itemGap: 18, itemWidth: 11, itemHeight: 11, textStyle: { color: INK, fontSize: 12 }, data: kinds.map((name, i) => ({ name, icon: symbols[i], itemStyle: { color: INK } })) },
    xAxis: scale({ type: 'log', min: 10 ** Math.floor(Math.log10(Math.min(...all))), max: 10 ** Math.ceil(Math.log10(Math.max(...all))) }),
    yAxis: names(rows),
    series: [
      {
        type: 'custom',
        renderItem: whisker,
        data: rows.map(({ points }, y) => [y, Math.min(...points), Math.max(...points)]),
        encode: { x: [1, 2], y: 0 },
        silent: true,
      },
      ...kinds.map((name, kind) => ({
        name,
        type: 'scatter',
        symbol: symbols[kind],
        symbolSize: 11,
        data: rows.map((row, y) => ({ value: [row.points[kind], y], itemStyle: { color: colour(row.name), borderColor: '#ffffff', borderWidth: 1, opacity: 1 } })),
        z: 5,
      })),
      {
        type: 'scatter',
        symbolSize: 0.01,
        data: rows.map(({ points, label }, y) => ({ value: [Math.max(...points), y], label: { show: true, position: 'right', distance: 10, formatter: label, color: INK, fontSize: 12 } })),
        z: 6,
      },
    ],
  });
}
