// One row of coverage.sh's table: llvm-cov export … | node coverage.mjs TARGET SOURCE...
//
// A file has more than a parser: functions that ask the kernel, write files or serve other callers
// are not for a fuzz target. So beside what is reached of all regions and lines there is what is
// reached within the functions that the target enters at all, and how many it does not.
import { text } from 'node:stream/consumers';

const CODE = 0; // a region's kind; others are macros, gaps and branches
const [target, ...sources] = process.argv.slice(2);
const { files, functions } = JSON.parse(await text(process.stdin)).data[0];

const percent = ({ covered, count }) => `${(100 * covered / Math.max(count, 1)).toFixed(1)} %`;
const sum = (counts) => counts.reduce(
  (all, one) => ({ covered: all.covered + one.covered, count: all.count + one.count }),
  { covered: 0, count: 0 });

const summaries = files.filter((file) => sources.includes(file.filename)).map((file) => file.summary);
const own = functions.filter((one) => sources.includes(one.filenames[0]));
const entered = own.filter((one) => one.count > 0);
const regions = entered.flatMap((one) => one.regions
  .filter(([, , , , , , , kind]) => kind === CODE)
  .map(([, , , , times]) => ({ covered: times > 0 ? 1 : 0, count: 1 })));
const names = sources.map((source) => source.slice('src/'.length, -'.c'.length));

console.log('| ' + [target, percent(sum(summaries.map((one) => one.regions))),
  percent(sum(summaries.map((one) => one.lines))), percent(sum(regions)),
  `${own.length - entered.length} of ${own.length}`, names.join(' ')].join(' | ') + ' |');
if (process.env.FUZZ_MISSED)
  for (const one of own.filter((each) => each.count === 0))
    console.log(`  ${one.filenames[0]}: ${one.name}`);
