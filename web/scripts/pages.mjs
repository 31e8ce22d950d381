// Puts openapi.json and the API pages into the assets: pages.mjs DIRECTORY.
// Of Swagger UI only what the page loads is taken. The page of the live protocol is docs/WEBSOCKET.md,
// the Postman collection is openapi.json in another form. licenses.txt holds what the packages that
// are inside the built files ask to be passed on with them.
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { postmanCollection } from './postman.mjs'
import { protocolPage } from './protocol.mjs'

const [target] = process.argv.slice(2)
if (!target) throw new Error('usage: pages.mjs DIRECTORY')

const web = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const swagger = path.join(web, 'node_modules', 'swagger-ui-dist')
const docs = path.join(target, 'docs')
const text = (...names) => readFile(path.join(web, ...names), 'utf8')

/* The places in a page that are filled here: <!-- name -->. */
const PARTS = {
  top: await text('docs/parts/top.html'),
  session: await text('docs/parts/session.html'),
  protocol: protocolPage(await text('../docs/WEBSOCKET.md')),
}
const filled = (page) => page.replace(/<!-- (\w+) -->/g, (_, name) => PARTS[name])

await mkdir(docs, { recursive: true })
await copyFile(path.join(web, 'openapi.json'), path.join(target, 'openapi.json'))
await copyFile(path.join(web, 'src/styles/mark.svg'), path.join(docs, 'mark.svg'))
for (const name of ['index.html', 'websocket.html']) {
  const page = filled(await text('docs', name))
  const own = `href="/docs/${name === 'index.html' ? '' : name}"`
  await writeFile(
    path.join(docs, name),
    page.replace(`<a ${own}>`, `<a ${own} aria-current="page">`),
  )
}
for (const name of ['calls.js', 'copy.js', 'live.js', 'session.js']) {
  await copyFile(path.join(web, 'docs', name), path.join(docs, name))
}
// The chat's values, and its fonts once more: those of the chat have names that only its build knows.
const styles = [await text('src/styles/tokens.css'), await text('docs/docs.css')]
for (const name of ['atkinson-hyperlegible-next', 'bricolage-grotesque']) {
  const file = `${name}-latin-wght-normal.woff2`
  const folder = path.join(web, 'node_modules/@fontsource-variable', name, 'files')
  await copyFile(path.join(folder, file), path.join(docs, file))
}
await writeFile(path.join(docs, 'docs.css'), styles.join('\n'))
for (const name of ['swagger-ui-bundle.js', 'swagger-ui.css']) {
  await copyFile(path.join(swagger, name), path.join(docs, name))
}
const collection = await postmanCollection(JSON.parse(await text('openapi.json')))
await writeFile(
  path.join(docs, 'banter.postman_collection.json'),
  `${JSON.stringify(collection, null, 2)}\n`,
)

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
