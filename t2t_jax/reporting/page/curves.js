// --- curves -------------------------------------------------------------------

// Text goes into the page by textContent alone: a name may be any text.
const charts = JSON.parse(document.getElementById('data').textContent);
const HEIGHT = 230;
const MARGIN = {left: 52, right: 10, top: 8, bottom: 22};
const COLOURS = 8;
const whole = wholeRange();
let range = whole;  // of steps, the same on all charts
const drawers = [];

function wholeRange() {
  const lines = charts.flatMap(chart => chart.lines);
  const low = Math.min(...lines.map(line => line.steps[0]));
  const high = Math.max(...lines.map(line => line.steps.at(-1)));
  return low === high ? [low - 1, high + 1] : [low, high];
}

function element(tag, attributes = {}, children = []) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

function drawn(tag, attributes, text) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, value);
  }
  if (text !== undefined) made.textContent = text;
  return made;
}

/** By run where there are several, else by the line's place. */
function colour(line, place) {
  const number = charts.some(chart => chart.lines.some(other => other.run))
    ? line.run : place;
  return `var(--line-${number % COLOURS})`;
}

function buildChart(chart) {
  const svg = drawn('svg', {role: 'img', tabindex: 0, 'aria-label':
    `${chart.title}: arrow keys read off, Escape shows the whole run`});
  const readout = element('p', {class: 'readout'});
  const caption = element('figcaption', {}, [chart.title]);
  const state = {chart, svg, readout, isLog: false, step: null, from: null};
  if (chart.log && isPositive(chart)) {
    const button = element('button', {type: 'button', 'aria-pressed': false},
      ['log']);
    button.addEventListener('click', () => {
      state.isLog = !state.isLog;
      button.setAttribute('aria-pressed', state.isLog);
      draw(state);
    });
    caption.append(button);
  }
  listen(state);
  drawers.push(() => draw(state));
  return element('figure', {class: 'chart'}, [caption, svg, readout]);
}

function isPositive(chart) {
  return chart.lines.every(line => line.values.every(x => x === null || x > 0));
}

// --- drawing ------------------------------------------------------------------

function draw(state) {
  const {chart, svg, isLog} = state;
  const width = Math.max(200, svg.parentNode.clientWidth);
  svg.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`);
  state.inner = [MARGIN.left, width - MARGIN.right];
  const shown = chart.lines.map(line => thinned(line, range, width));
  const values = chart.lines.flatMap((line, n) => shown[n]
    .filter(place => isInside(line.steps[place]))
    .map(place => line.values[place]));
  const domain = domainOf(values, isLog) || [0, 1];
  state.x = makeScale(range, state.inner, false, width / 90);
  state.y = makeScale(domain, [HEIGHT - MARGIN.bottom, MARGIN.top], isLog, 5);
  const clip = `clip-${charts.indexOf(chart)}`;
  const box = drawn('clipPath', {id: clip});
  box.append(drawn('rect', {x: state.inner[0] - 2, y: 0,
    width: state.inner[1] - state.inner[0] + 4, height: HEIGHT}));
  const curves = drawn('g', {'clip-path': `url(#${clip})`});
  chart.lines.forEach((line, n) => drawLine(state, curves, line, n, shown[n]));
  state.over = drawn('g', {});
  svg.replaceChildren(box, ...axes(state, width), curves, state.over);
  drawCursor(state);
}

function isInside(step) {
  return step >= range[0] && step <= range[1];
}

function axes({x, y, inner}, width) {
  const bottom = HEIGHT - MARGIN.bottom;
  const marks = [];
  for (const tick of y.ticks) {
    const at = y.place(tick);
    marks.push(drawn('line',
      {class: 'grid', x1: inner[0], x2: inner[1], y1: at, y2: at}));
    marks.push(drawn('text',
      {x: inner[0] - 6, y: at + 4, 'text-anchor': 'end'}, short(tick)));
  }
  for (const tick of x.ticks.filter(Number.isInteger)) {
    const at = x.place(tick);
    const anchor = at > width - 24 ? 'end' : 'middle';
    marks.push(drawn('line',
      {class: 'grid', x1: at, x2: at, y1: MARGIN.top, y2: bottom}));
    marks.push(drawn('text',
      {x: anchor === 'end' ? inner[1] : at, y: HEIGHT - 6,
        'text-anchor': anchor}, short(tick)));
  }
  return marks;
}

/** 20,000 -> 20k, for there is little room. */
function short(x) {
  if (Math.abs(x) >= 1e6 && Math.abs(x) < 1e9) return `${written(x / 1e6)}M`;
  if (Math.abs(x) >= 1e4 && Math.abs(x) < 1e6) return `${written(x / 1e3)}k`;
  return written(Number(x.toPrecision(3)));
}

function drawLine({x, y}, curves, line, n, places) {
  const path = [];
  let isPen = false;
  const dots = [];
  places.forEach((place, k) => {
    const value = line.values[place];
    if (value === null) {
      isPen = false;
      return;
    }
    const at = [x.place(line.steps[place]).toFixed(1),
      y.place(value).toFixed(1)];
    path.push(`${isPen ? 'L' : 'M'}${at}`);
    const isAlone = !isPen && line.values[places[k + 1]] === undefined;
    if (isAlone || (line.kind === 'dev' && places.length <= 60)
      || (!isPen && line.values[places[k + 1]] === null)) dots.push(at);
    isPen = true;
  });
  const stroke = `stroke:${colour(line, n)}`;
  const kind = line.kind === 'dev' ? 'curve dev' : 'curve';
  curves.append(drawn('path', {class: kind, d: path.join(''), style: stroke}));
  for (const [cx, cy] of dots) {
    curves.append(drawn('circle',
      {cx, cy, r: 2.5, style: `fill:${colour(line, n)}`}));
  }
}

/** What the pointer is at, or how many steps a drag has chosen. */
function drawCursor(state) {
  const {chart, x, y, over, step, from} = state;
  over.replaceChildren();
  const bottom = HEIGHT - MARGIN.bottom;
  if (step !== null && from !== null) {
    const [left, right] = [x.place(from), x.place(step)].sort((a, b) => a - b);
    over.append(drawn('rect', {class: 'chosen', x: left, y: MARGIN.top,
      width: right - left, height: bottom - MARGIN.top}));
  } else if (step !== null) {
    over.append(drawn('line', {class: 'cursor', x1: x.place(step),
      x2: x.place(step), y1: MARGIN.top, y2: bottom}));
  }
  const items = chart.lines.map((line, n) => {
    const mark = element('i', {class: line.kind, style:
      `border-color:${colour(line, n)}`});
    const place = step === null ? -1 : nearestPlace(line.steps, step);
    const value = line.values[place];
    if (place >= 0 && value !== null && isInside(line.steps[place])) {
      over.append(drawn('circle', {cx: x.place(line.steps[place]),
        cy: y.place(value), r: 3.5, style: `fill:${colour(line, n)}`}));
    }
    const text = place < 0 ? line.label : `${line.label} ${written(value)
      } at ${line.steps[place].toLocaleString('en')}`;
    return element('span', {}, [mark, text]);
  });
  state.readout.replaceChildren(...items);
}

// --- pointing, dragging, keys -------------------------------------------------

function listen(state) {
  const {svg} = state;
  const stepAt = event => {
    const box = svg.getBoundingClientRect();
    const step = state.x.number(event.clientX - box.left);
    return Math.min(range[1], Math.max(range[0], step));
  };
  svg.addEventListener('pointerdown', event => {
    state.from = state.step = stepAt(event);
    svg.setPointerCapture(event.pointerId);
    drawCursor(state);
  });
  svg.addEventListener('pointermove', event => {
    state.step = stepAt(event);
    drawCursor(state);
  });
  svg.addEventListener('pointerup', event => {
    const chosen = [state.from, stepAt(event)].sort((a, b) => a - b);
    const isDrag = state.from !== null
      && state.x.place(chosen[1]) - state.x.place(chosen[0]) > 6;
    state.from = null;
    if (isDrag) zoom(chosen);
    else drawCursor(state);
  });
  const leave = () => {
    state.from = state.step = null;
    drawCursor(state);
  };
  svg.addEventListener('pointerleave', leave);
  svg.addEventListener('pointercancel', leave);
  svg.addEventListener('blur', leave);
  svg.addEventListener('dblclick', () => zoom(whole));
  svg.addEventListener('keydown', event => moveByKey(state, event));
}

function moveByKey(state, event) {
  if (event.key === 'Escape') zoom(whole);
  const by = {ArrowLeft: -1, ArrowRight: 1}[event.key];
  if (!by) return;
  event.preventDefault();
  const {steps} = state.chart.lines[0];
  const place = state.step === null
    ? placeOf(steps, range[0]) : nearestPlace(steps, state.step) + by;
  const step = steps[Math.max(0, Math.min(steps.length - 1, place))];
  if (isInside(step)) state.step = step;
  drawCursor(state);
}

function zoom([low, high]) {
  // At least one step to each side of something.
  range = high - low < 1 ? [low - 0.5, high + 0.5] : [low, high];
  document.getElementById('unzoom').hidden = range === whole
    || (range[0] === whole[0] && range[1] === whole[1]);
  document.getElementById('range').textContent = `Steps ${
    Math.round(range[0]).toLocaleString('en')} to ${
    Math.round(range[1]).toLocaleString('en')}.`;
  drawAll();
}

function drawAll() {
  drawers.forEach(drawer => drawer());
}

function build() {
  const box = document.querySelector('.charts');
  if (!box || !charts.length) return;
  const button = element('button', {type: 'button', id: 'unzoom'},
    ['whole run']);
  button.addEventListener('click', () => zoom(whole));
  const shown = element('span', {id: 'range', role: 'status'});
  box.before(
    element('p', {class: 'hint how'}, ['Point at a curve to read it off; drag '
      + 'sideways to zoom into all of them, double-click or Escape to go '
      + 'back.']),
    element('p', {class: 'hint'}, ['Dashed: dev set.']),
    element('p', {class: 'hint toolbar'}, [shown, button]));
  box.append(...charts.map(buildChart));
  zoom(whole);
  let width = box.clientWidth;
  new ResizeObserver(() => {
    if (box.clientWidth !== width) {
      width = box.clientWidth;
      drawAll();
    }
  }).observe(box);
}

build();
// Paper cannot be unfolded.
window.addEventListener('beforeprint', () => {
  document.querySelectorAll('details').forEach(fold => { fold.open = true; });
});
