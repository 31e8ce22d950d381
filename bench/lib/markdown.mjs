// Tables in Markdown.
export const table = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

// What machine.mjs found out, a row each.
export const whereTable = (...parts) =>
  table(['what', ''], parts.flatMap(Object.entries).filter(([, value]) => value !== '').map(([name, value]) => [name.replace('_', ' '), String(value)]));
