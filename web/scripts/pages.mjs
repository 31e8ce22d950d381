// Puts openapi.json and the API pages into the assets: pages.mjs DIRECTORY.
// Of Swagger UI only what the page loads is taken. licenses.txt holds what the packages that are
// inside the built files ask to be passed on with them.
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const [target] = process.argv.slice(2)
if (!target) throw new Error('usage: pages.mjs DIRECTORY')

const web = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const swagger = path.join(web, 'node_modules', 'swagger-ui-dist')
const docs = path.join(target, 'docs')

await mkdir(docs, { recursive: true })
await copyFile(path.join(web, 'openapi.json'), path.join(target, 'openapi.json'))
await copyFile(path.join(web, 'src/styles/mark.svg'), path.join(docs, 'mark.svg'))
for (const name of ['index.html', 'init.js', 'docs.css']) {
  await copyFile(path.join(web, 'docs', name), path.join(docs, name))
}
for (const name of ['swagger-ui-bundle.js', 'swagger-ui.css']) {
  await copyFile(path.join(swagger, name), path.join(docs, name))
}

const notices = []
for (const [name, files] of [
  ['preact', ['LICENSE']],
  ['@preact/signals', ['LICENSE']],
  ['@preact/signals-core', ['LICENSE']],
  ['@fontsource-variable/atkinson-hyperlegible-next', ['LICENSE']],
  ['@fontsource-variable/bricolage-grotesque', ['LICENSE']],
  ['swagger-ui-dist', ['LICENSE', 'NOTICE']],
]) {
  const folder = path.join(web, 'node_modules', name)
  const { version } = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8'))
  const texts = files.map((file) => readFile(path.join(folder, file), 'utf8'))
  notices.push([`${name} ${version}`, ...(await Promise.all(texts))].join('\n\n'))
}
await writeFile(path.join(target, 'licenses.txt'), notices.join(`\n\n${'-'.repeat(80)}\n\n`))
