// Figures out of several runs: medians with their spread, and ratios within a run.

const numbers = (values) => values.filter((value) => Number.isFinite(value)).sort((a, b) => a - b);

export function median(values) {
  const sorted = numbers(values);
  const middle = sorted.length / 2;

  if (sorted.length === 0) return NaN;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// {median, min, max, count}; null when there is no number among them.
export function spread(values) {
  const sorted = numbers(values);

  if (sorted.length === 0) return null;
  return { median: median(sorted), min: sorted[0], max: sorted.at(-1), count: sorted.length };
}

// Two series, [{repetition, value}], side by side: only runs of the same repetition are compared,
// since what else the machine did then touched both.
function pairs(series, base, combine) {
  const bases = new Map(base.map(({ repetition, value }) => [repetition, value]));

  return series
    .filter(({ repetition }) => bases.has(repetition))
    .map(({ repetition, value }) => combine(value, bases.get(repetition)))
    .filter(Number.isFinite);
}

export const ratios = (series, base) => pairs(series, base, (value, other) => value / other);
export const differences = (series, base) => pairs(series, base, (value, other) => value - other);
