// Puts openapi.json and the API pages into the assets: pages.mjs DIRECTORY.
// Of Swagger UI only what the page loads is taken, and its licence.
import { copyFile, mkdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const [target] = process.argv.slice(2)
if (!target) throw new Error('usage: pages.mjs DIRECTORY')

const web = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const swagger = path.dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))
const docs = path.join(target, 'docs')

await mkdir(docs, { recursive: true })
await copyFile(path.join(web, 'openapi.json'), path.join(target, 'openapi.json'))
await copyFile(path.join(web, 'src/styles/mark.svg'), path.join(docs, 'mark.svg'))
for (const name of ['index.html', 'init.js', 'docs.css']) {
  await copyFile(path.join(web, 'docs', name), path.join(docs, name))
}
for (const [name, as] of [
  ['swagger-ui-bundle.js', 'swagger-ui-bundle.js'],
  ['swagger-ui.css', 'swagger-ui.css'],
  ['LICENSE', 'swagger-ui.LICENSE.txt'],
  ['NOTICE', 'swagger-ui.NOTICE.txt'],
]) {
  await copyFile(path.join(swagger, name), path.join(docs, as))
}
