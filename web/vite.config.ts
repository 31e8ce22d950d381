import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const client = new URL('../clients/js/src/index.ts', import.meta.url)

export default defineConfig({
  // The chat stands on the JavaScript client as it is in this repository.
  resolve: { alias: { '@banter/client': fileURLToPath(client) } },
  // esbuild's own JSX: no plugin and no Babel to keep up to date.
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
  build: {
    target: 'es2022',
    // Everything is a file with a hash in its name: data: URLs would need a wider CSP.
    assetsInlineLimit: 0,
    // The polyfill would be an inline script in old browsers, which the target excludes anyway.
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    // `npm run dev` beside a running server.
    proxy: {
      '/api': 'http://127.0.0.1:8000',
      '/ws': { target: 'ws://127.0.0.1:8000', ws: true },
    },
  },
  test: { include: ['tests/**/*.test.ts'], environment: 'node' },
})
