'use strict';

// The page's state is `state`; `draw` shows it. Text goes into the page by
// textContent alone: a token may be any text.
const data = JSON.parse(document.getElementById('data').textContent);
const find = id => document.getElementById(id);
// What a weight of the JSON counts to: one byte each.
const FULL = 255;
// Fainter lines cannot be seen, and there are thousands of them.
const FAINTEST = 0.03;

const KINDS = {
  cross: {
    name: 'Encoder-decoder', rows: 'written', columns: 'source',
    rowTitle: 'target, as it is written', columnTitle: 'source',
  },
  encoder: {
    name: 'Encoder', rows: 'source', columns: 'source',
    rowTitle: 'source', columnTitle: 'looks at',
  },
  decoder: {
    name: 'Decoder', rows: 'written', columns: 'read',
    rowTitle: 'target, as it is written', columnTitle: 'target so far',
  },
};

const state = {
  ...data.start,  // sentence, kind, layer, heads, unit
  hover: null,  // {side: 'rows' | 'columns', index}
  pinned: null,
};
let shown = null;  // what `view` returned last

// --- weights ------------------------------------------------------------------

const decoded = new Map();

function bytesOf(map) {
  if (!decoded.has(map)) {
    const text = atob(map.weights);
    decoded.set(map, Uint8Array.from(text, c => c.charCodeAt(0)));
  }
  return decoded.get(map);
}

/** Weights of a head as rows of numbers from 0 to 1, of words or pieces. */
function headWeights(map, layer, head, rowUnits, columnUnits) {
  const bytes = bytesOf(map);
  const [rows, columns] = map.shape.slice(2);
  const start = (layer * map.shape[1] + head) * rows * columns;
  return rowUnits.map(([, rowPlaces]) => columnUnits.map(([, places]) => {
    let sum = 0;
    for (const row of rowPlaces) {
      for (const place of places) sum += bytes[start + row * columns + place];
    }
    return sum / FULL / rowPlaces.length;
  }));
}

function units(sentence, name) {
  return sentence[name][state.unit];
}

/** All that is shown of the sentence, attention, layer and heads chosen. */
function view() {
  const sentence = data.sentences[state.sentence];
  const kind = KINDS[state.kind];
  const map = sentence[state.kind];
  const rows = units(sentence, kind.rows);
  const columns = units(sentence, kind.columns);
  const byHead = state.heads.map(
    head => headWeights(map, state.layer, head, rows, columns));
  const mean = rows.map((_, r) => columns.map((_, c) =>
    byHead.reduce((sum, weights) => sum + weights[r][c], 0)
      / Math.max(1, byHead.length)));
  return {sentence, kind, map, rows, columns, byHead, mean};
}

// --- helpers ------------------------------------------------------------------

function element(name, {text, ...properties} = {}, children = []) {
  const made = Object.assign(document.createElement(name), properties);
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}

/** Hues evenly apart; in oklch all are equally light. */
function hue(head) {
  return Math.round(25 + 360 * head / data.heads) % 360;
}

function colour(head) {
  return `oklch(var(--lightness) 0.14 ${hue(head)})`;
}

function percent(weight) {
  return `${Math.round(100 * weight)} %`;
}

function name([text]) {
  return `“${text}”`;
}

// --- controls -----------------------------------------------------------------

function choice(type, group, value, text, isChecked, onChange) {
  const input = element('input', {type, name: group, value});
  input.checked = isChecked;
  input.addEventListener('change', () => onChange(input.checked));
  const label = element('label', {className: 'choice'},
    [input, element('span', {text})]);
  find(group).append(label);
  return label;
}

function radios(group, options, set) {
  for (const [value, text] of options) {
    choice('radio', group, value, text, state[group] === value, () => {
      set(value);
      draw();
    });
  }
}

function clearWord() {
  state.hover = state.pinned = null;
}

function buildControls() {
  find('origin').textContent = data.origin;
  data.sentences.forEach((sentence, i) => find('sentence').append(
    element('option', {value: i, text: `${i + 1}. ${sentence.texts[0]}`})));
  find('sentence-choice').hidden = data.sentences.length < 2;
  find('sentence').addEventListener('change', event => {
    state.sentence = Number(event.target.value);
    clearWord();
    draw();
  });
  radios('kind', Object.entries(KINDS).map(([key, kind]) => [key, kind.name]),
    value => {
      state.kind = value;
      clearWord();
      buildLayers();
    });
  buildLayers();
  buildHeads();
  radios('unit', [['words', 'words'], ['pieces', 'pieces']], value => {
    state.unit = value;
    clearWord();
  });
  find('controls').addEventListener('submit', event => event.preventDefault());
}

/** The stacks may differ in depth. */
function buildLayers() {
  const layers = data.sentences[0][state.kind].shape[0];
  state.layer = Math.min(state.layer, layers - 1);
  find('layer').querySelectorAll('label').forEach(label => label.remove());
  radios('layer', Array.from({length: layers}, (_, i) => [i, i + 1]),
    value => { state.layer = value; });
}

function buildHeads() {
  for (let head = 0; head < data.heads; head++) {
    choice('checkbox', 'heads', head, head + 1, false, isOn => {
      const others = state.heads.filter(other => other !== head);
      state.heads = isOn ? [...others, head].sort((a, b) => a - b) : others;
      draw();
    }).classList.add('head');
  }
  find('heads').querySelectorAll('label').forEach(
    (label, head) => label.style.setProperty('--colour', colour(head)));
  const all = Array.from({length: data.heads}, (_, head) => head);
  for (const [text, heads] of [['all', all], ['none', []]]) {
    const button = element('button', {type: 'button', className: 'plain', text});
    button.addEventListener('click', () => {
      state.heads = heads;
      draw();
    });
    find('heads').append(button);
  }
}

function drawControls() {
  const isOn = {
    layer: value => Number(value) === state.layer,
    heads: value => state.heads.includes(Number(value)),
  };
  for (const [group, test] of Object.entries(isOn)) {
    find(group).querySelectorAll('input').forEach(
      input => { input.checked = test(input.value); });
  }
}
