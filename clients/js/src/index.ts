/** The client of a Banter chat server: see README.md. */
export * from './types.js'
export * from './errors.js'
export { BanterClient } from './client.js'
