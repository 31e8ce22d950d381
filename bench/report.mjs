// The page and the pictures once more, from results that are there: report.mjs [FOLDER]
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeReport } from './lib/report.mjs';

const folder = path.resolve(process.argv[2] ?? fileURLToPath(new URL('../docs/benchmarks', import.meta.url)));
writeReport(JSON.parse(readFileSync(path.join(folder, 'results.json'), 'utf8')), folder);
