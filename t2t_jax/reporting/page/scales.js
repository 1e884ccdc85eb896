'use strict';

// --- numbers and scales -------------------------------------------------------

/** Ticks at 1, 2 or 5 times a power of ten, about `count` of them. */
function linearTicks([low, high], count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(x => x * power).find(x => x >= rough * 0.999);
  const ticks = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high * (1 + 1e-12)
    || n * step <= high; n++) {
    ticks.push(n * step);
  }
  return ticks;
}

function logTicks([low, high]) {
  const ticks = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.log10(high); e++) {
    for (const digit of [1, 2, 5]) {
      const tick = digit * 10 ** e;
      if (tick >= low && tick <= high) ticks.push(tick);
    }
  }
  return ticks;
}

/** A scale from numbers to pixels: {place, number, ticks}. */
function makeScale(domain, [from, to], isLog, count) {
  const bend = isLog ? Math.log10 : x => x;
  const back = isLog ? x => 10 ** x : x => x;
  const [low, high] = domain.map(bend);
  let ticks = isLog ? logTicks(domain) : [];
  if (ticks.length < 3) ticks = linearTicks(domain, count);
  return {
    place: x => from + (to - from) * (bend(x) - low) / (high - low),
    number: p => back(low + (high - low) * (p - from) / (to - from)),
    ticks,
  };
}

/** The range of numbers, with room where they are all the same. */
function domainOf(numbers, isLog) {
  let low = Infinity;
  let high = -Infinity;
  for (const x of numbers) {
    if (x === null) continue;
    if (x < low) low = x;
    if (x > high) high = x;
  }
  if (low > high) return null;
  if (isLog) return low === high ? [low / 1.1, high * 1.1] : [low, high];
  const room = low === high ? Math.abs(low) * 0.1 || 1 : (high - low) * 0.05;
  // What is never negative needs no room below nought.
  return [low >= 0 ? Math.max(0, low - room) : low - room, high + room];
}

function written(x) {
  if (x === null) return 'not a number';
  const size = Math.abs(x);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) {
    return String(Number(x.toPrecision(4)).toExponential());
  }
  return Number(x.toPrecision(5)).toLocaleString('en', {
    maximumFractionDigits: 6,
  });
}

/** The first place at which steps[place] >= step. */
function placeOf(steps, step) {
  let [low, high] = [0, steps.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle] < step) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The place whose step is nearest. */
function nearestPlace(steps, step) {
  const place = placeOf(steps, step);
  if (place === 0) return 0;
  if (place === steps.length) return place - 1;
  return step - steps[place - 1] < steps[place] - step ? place - 1 : place;
}

/** Places of a curve between two steps: of each column of pixels the least and
 * the greatest value, and gaps. */
function thinned(line, [low, high], width) {
  const start = Math.max(0, placeOf(line.steps, low) - 1);
  const end = Math.min(line.steps.length, placeOf(line.steps, high) + 1);
  if (end - start <= 2 * width) {
    return Array.from({length: end - start}, (_, n) => start + n);
  }
  const places = [];
  for (let column = 0; column < width; column++) {
    const first = start + Math.floor((end - start) * column / width);
    const last = start + Math.floor((end - start) * (column + 1) / width);
    let [least, most, gap] = [-1, -1, -1];
    for (let n = first; n < last; n++) {
      const value = line.values[n];
      if (value === null) gap = n;
      else {
        if (least < 0 || value < line.values[least]) least = n;
        if (most < 0 || value > line.values[most]) most = n;
      }
    }
    places.push(...new Set([least, most, gap].filter(n => n >= 0)
      .sort((a, b) => a - b)));
  }
  return places;
}
