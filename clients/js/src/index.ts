/** The client of a Banter chat server: see README.md. */
import type { Client, ClientOptions } from './types.js'

export * from './types.js'
export * from './errors.js'
export declare const BanterClient: new (options?: ClientOptions) => Client
export type BanterClient = Client
