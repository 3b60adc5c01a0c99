import type { Strand } from './strand.js'

/** Which strand runs, across promises: an AsyncLocalStorage. */
export interface Identity {
  getStore(): Strand | undefined
  run<R>(strand: Strand, work: () => R): R
  /** To be called when it is done with: as long as it is there, every promise is slower. */
  disable(): void
}

/**
 * Makes one, or undefined where the platform has none (browsers). Loaded only when a scenario needs
 * it, since it makes every promise slower.
 */
export function createIdentity(): Identity | undefined {
  const { process } = globalThis as {
    process?: { getBuiltinModule?: (name: string) => unknown }
  }
  const hooks = process?.getBuiltinModule?.('node:async_hooks') as
    { AsyncLocalStorage: new () => Identity } | undefined
  return hooks === undefined ? undefined : new hooks.AsyncLocalStorage()
}
