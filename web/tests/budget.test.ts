import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

/** What is built may weigh so much on the wire, in brotli; `make` builds it before this runs. */
const FIRST_SCRIPT_MAX = 40_000
const ALL_SCRIPT_MAX = 100_000
const STYLE_MAX = 10_000
const FONT_MAX = 80_000

const assets = fileURLToPath(new URL('../../build/assets/', import.meta.url))
const isBuilt = existsSync(`${assets}index.html`)

const onWire = (name: string) => {
  const file = `${assets}assets/${name}`
  return readFileSync(existsSync(`${file}.br`) ? `${file}.br` : file).length
}
const total = (names: string[]) => names.reduce((sum, name) => sum + onWire(name), 0)

test.runIf(isBuilt)('the built client keeps within its budget', () => {
  const names = readdirSync(`${assets}assets`).filter((name) => !/\.(br|gz)$/.test(name))
  const page = readFileSync(`${assets}index.html`, 'utf8')
  const first = names.filter((name) => page.includes(name))
  const ofKind = (list: string[], ending: string) => list.filter((name) => name.endsWith(ending))
  expect(ofKind(first, '.js')).toHaveLength(1)
  expect(ofKind(first, '.css')).toHaveLength(1)
  // With the page itself, the icon and two fonts: six requests.
  expect(first).toHaveLength(3)
  expect(total(ofKind(first, '.js'))).toBeLessThan(FIRST_SCRIPT_MAX)
  expect(total(ofKind(names, '.js'))).toBeLessThan(ALL_SCRIPT_MAX)
  expect(total(ofKind(names, '.css'))).toBeLessThan(STYLE_MAX)
  const latin = names.filter((name) => /-latin-wght-normal-.*\.woff2$/.test(name))
  expect(latin).toHaveLength(2)
  expect(total(latin)).toBeLessThan(FONT_MAX)
})

test.runIf(isBuilt)('the page names only files of its own, and runs no inline script', () => {
  const page = readFileSync(`${assets}index.html`, 'utf8')
  for (const [, address] of page.matchAll(/(?:src|href)="([^"]+)"/g)) {
    expect(address).toMatch(/^\/(assets\/|docs$)/)
  }
  expect(page).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\son\w+=/)
})
