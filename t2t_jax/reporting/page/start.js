// --- all ----------------------------------------------------------------------

function draw() {
  shown = view();
  drawControls();
  [find('source-text').textContent, find('target-text').textContent]
    = shown.sentence.texts;
  find('row-title').textContent = shown.kind.rowTitle;
  find('column-title').textContent = shown.kind.columnTitle;
  drawWords('rows');
  drawWords('columns');
  drawMap();
  drawOverview();
  drawFocus();
}

document.addEventListener('keydown', event => {
  if (event.key === 'Escape') {
    clearWord();
    drawFocus();
  }
  moveByKey(event);
});
// A page with other fonts or zoom has words at other heights.
window.addEventListener('resize', () => drawLines(state.hover || state.pinned));
buildControls();
draw();
