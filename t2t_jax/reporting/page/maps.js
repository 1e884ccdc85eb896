// --- heat map and overview ----------------------------------------------------

function drawMap() {
  const heading = ([text], scope) => element('th', {scope, title: text},
    [element('bdi', {text, dir: 'auto'})]);
  const top = element('tr', {}, [element('td'),
    ...shown.columns.map(unit => heading(unit, 'col'))]);
  const body = shown.rows.map((unit, r) => element('tr', {}, [
    heading(unit, 'row'), ...shown.mean[r].map((w, c) => cell(w, r, c))]));
  find('map').replaceChildren(element('thead', {}, [top]),
    element('tbody', {}, body));
  find('link-hint').hidden = state.kind !== 'cross';
}

function cell(weight, r, c) {
  const made = element('td', {
    text: weight >= 0.05 ? Math.round(100 * weight) : '',
    title: `${name(shown.rows[r])} looks at ${name(shown.columns[c])}: ${
      percent(weight)}`,
  });
  made.style.setProperty('--share', Math.min(1, weight));
  made.classList.toggle('half', weight > 0.5);
  made.classList.toggle('strong', weight > 0.68);
  made.classList.toggle('link', isLink(r, c));
  return made;
}

/** Whether target word r is aligned with source word c; EOS, the last, with
 * and by none. */
function isLink(r, c) {
  if (state.kind !== 'cross' || !state.heads.length) return false;
  const words = shown.mean[r].slice(0, -1);
  return r < shown.rows.length - 1 && c === words.indexOf(Math.max(...words));
}

function drawOverview() {
  const [layers, heads] = shown.map.shape;
  const grid = find('overview');
  grid.style.gridTemplateColumns = `repeat(${heads + 1}, max-content)`;
  const titles = Array.from({length: heads},
    (_, head) => element('span', {text: `head ${head + 1}`}));
  grid.replaceChildren(element('span'), ...titles);
  for (let layer = 0; layer < layers; layer++) {
    grid.append(element('span', {text: `layer ${layer + 1}`}));
    for (let head = 0; head < heads; head++) {
      grid.append(thumbnail(layer, head));
    }
  }
}

function thumbnail(layer, head) {
  const weights = headWeights(
    shown.map, layer, head, shown.rows, shown.columns);
  const canvas = element('canvas',
    {width: shown.columns.length, height: shown.rows.length});
  const context = canvas.getContext('2d');
  // Canvas does not read CSS variables; mid-lightness is seen on both themes.
  context.fillStyle = `oklch(0.62 0.17 ${hue(head)})`;
  weights.forEach((row, r) => row.forEach((weight, c) => {
    context.globalAlpha = Math.min(1, weight);
    context.fillRect(c, r, 1, 1);
  }));
  const button = element('button', {type: 'button', title:
    `layer ${layer + 1}, head ${head + 1}`}, [canvas]);
  button.setAttribute('aria-label', button.title);
  button.setAttribute('aria-pressed',
    layer === state.layer && state.heads.includes(head));
  button.addEventListener('click', () => {
    state.layer = layer;
    state.heads = [head];
    draw();
    find('overview').querySelectorAll('button')[layer * data.heads + head].focus();
  });
  return button;
}
