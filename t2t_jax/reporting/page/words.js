// --- words and lines ----------------------------------------------------------

function drawWords(side) {
  find(side).replaceChildren(...shown[side].map(([text], index) => {
    const button = element('button',
      {type: 'button', className: 'word', title: text},
      [element('bdi', {text, dir: 'auto'}), element('small')]);
    const word = {side, index};
    const hover = value => { state.hover = value; drawFocus(); };
    // A finger does not hover: it only clicks.
    button.addEventListener('pointerenter',
      event => event.pointerType === 'mouse' && hover(word));
    button.addEventListener('pointerleave', () => hover(null));
    button.addEventListener('focus',
      () => button.matches(':focus-visible') && hover(word));
    button.addEventListener('blur', () => hover(null));
    button.addEventListener('click', () => {
      const isPinned = isWord(state.pinned, word);
      state.pinned = isPinned ? null : word;
      if (isPinned) state.hover = null;
      drawFocus();
    });
    return element('li', {}, [button]);
  }));
}

function isWord(a, b) {
  return a !== null && b !== null && a.side === b.side && a.index === b.index;
}

function drawLines(active) {
  const drawing = find('drawing');
  const height = Math.max(find('rows').offsetHeight,
    find('columns').offsetHeight);
  drawing.setAttribute('viewBox', `0 0 100 ${height}`);
  drawing.style.height = `${height}px`;
  const middles = side => Array.from(find(side).children,
    item => item.offsetTop - find(side).offsetTop + item.offsetHeight / 2);
  const [left, right] = [middles('rows'), middles('columns')];
  // Heads that look at the same word lie side by side.
  const apart = Math.min(2.5, 16 / Math.max(1, state.heads.length));
  const lines = [];
  shown.byHead.forEach((weights, i) => {
    const shift = (i - (state.heads.length - 1) / 2) * apart;
    const style = `stroke:${colour(state.heads[i])}`;
    weights.forEach((row, r) => row.forEach((weight, c) => {
      const index = active && (active.side === 'rows' ? r : c);
      if (weight < FAINTEST || (active && index !== active.index)) return;
      lines.push(`<line x1="1" y1="${left[r] + shift}" x2="99" y2="${
        right[c] + shift}" style="${style}" stroke-opacity="${
        Math.min(1, weight).toFixed(3)}"/>`);
    }));
  });
  drawing.innerHTML = lines.join('');  // numbers only
}

/** The mean weight between the active word and each on the other side. */
function shares(active) {
  return active.side === 'rows'
    ? shown.mean[active.index]
    : shown.mean.map(row => row[active.index]);
}

function drawFocus() {
  const active = state.hover || state.pinned;
  for (const side of ['rows', 'columns']) {
    const isOther = active !== null && active.side !== side;
    const weights = isOther ? shares(active) : [];
    find(side).querySelectorAll('button').forEach((button, index) => {
      const word = {side, index};
      const weight = weights[index] || 0;
      button.classList.toggle('active', isWord(active, word));
      button.setAttribute('aria-pressed', isWord(state.pinned, word));
      button.style.setProperty('--share', weight);
      button.lastChild.textContent = weight >= 0.01 ? percent(weight) : '';
    });
  }
  find('map').querySelectorAll('thead th').forEach((heading, index) =>
    heading.classList.toggle('active', isWord(active, {side: 'columns', index})));
  find('map').querySelectorAll('tbody th').forEach((heading, index) =>
    heading.classList.toggle('active', isWord(active, {side: 'rows', index})));
  drawLines(active);
  find('status').textContent = active ? summary(active) : '';
}

function summary(active) {
  const other = active.side === 'rows' ? shown.columns : shown.rows;
  const weights = shares(active);
  const best = weights.map((weight, index) => [weight, index])
    .filter(([weight]) => weight >= 0.01)
    .sort((a, b) => b[0] - a[0]).slice(0, 4)
    .map(([weight, index]) => `${name(other[index])} ${percent(weight)}`);
  const verb = active.side === 'rows' ? 'looks at' : 'is looked at by';
  return `${name(shown[active.side][active.index])} ${verb} ${
    best.join(', ') || 'nothing'}`;
}

function moveByKey(event) {
  const side = ['rows', 'columns'].find(
    side => find(side).contains(event.target));
  const sides = {ArrowLeft: 'rows', ArrowRight: 'columns'};
  const steps = {ArrowUp: -1, ArrowDown: 1};
  if (!side || !(event.key in sides || event.key in steps)) return;
  event.preventDefault();
  const index = Array.from(find(side).children).findIndex(
    item => item.contains(event.target));
  const buttons = find(sides[event.key] || side).querySelectorAll('button');
  const place = index + (steps[event.key] || 0);
  buttons[Math.max(0, Math.min(buttons.length - 1, place))].focus();
}
