// Makes FILE.br and FILE.gz beside every file that gains by it: compress.mjs DIRECTORY.
// Done once, at the greatest effort, so that the server never compresses.
import { readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'

const [target] = process.argv.slice(2)
if (!target) throw new Error('usage: compress.mjs DIRECTORY')

const TEXT = new Set(['.html', '.js', '.css', '.json', '.svg', '.txt'])
/** Below this a packet is a packet. */
const WORTH_BYTES = 1000

const brotli = (bytes) =>
  promisify(brotliCompress)(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  })
const gzipped = (bytes) => promisify(gzip)(bytes, { level: constants.Z_BEST_COMPRESSION })

async function* filesIn(directory) {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const name = path.join(directory, entry.name)
    if (entry.isDirectory()) yield* filesIn(name)
    else if (TEXT.has(path.extname(name))) yield name
  }
}

for await (const name of filesIn(target)) {
  const bytes = await readFile(name)
  if (bytes.length < WORTH_BYTES) continue
  await writeFile(`${name}.br`, await brotli(bytes))
  await writeFile(`${name}.gz`, await gzipped(bytes))
}
