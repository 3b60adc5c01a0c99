import type { Strand } from './strand.js'

/** Which strand runs, across promises: an AsyncLocalStorage. */
export interface Identity {
  getStore(): Strand | undefined
  run<R>(strand: Strand, work: () => R): R
  /** To be called when it is done with: as long as it is there, every promise is slower. */
  disable(): void
}

/** Those that there are, by the name of the scenario that they follow. */
const following = new Map<Identity, string>()

/**
 * Makes one for runs of `scenario`, or undefined where the platform has none (browsers). Loaded only
 * when a scenario needs it, since it makes every promise slower.
 */
export function createIdentity(scenario: string): Identity | undefined {
  const { process } = globalThis as {
    process?: { getBuiltinModule?: (name: string) => unknown }
  }
  const hooks = process?.getBuiltinModule?.('node:async_hooks') as
    { AsyncLocalStorage: new () => Identity } | undefined
  if (hooks === undefined) return undefined
  const store = new hooks.AsyncLocalStorage()
  const identity: Identity = {
    getStore: () => store.getStore(),
    run: (strand, work) => store.run(strand, work),
    disable() {
      following.delete(identity)
      store.disable()
    },
  }
  following.set(identity, scenario)
  return identity
}

/** Error for a platform where nobody can say whose steps follow on a promise of an actor's own. */
export function cannotFollow(): Error {
  return new Error(
    'explore: an actor waits for a promise of its own, and this platform has no AsyncLocalStorage to ' +
      'follow it (Node has). Wait with device.sync, device.clock or a call of the API.',
  )
}

/** Of which scenario the caller is a part, as far as one is followed. */
export function scenarioAround(): string | undefined {
  for (const [identity, scenario] of following) {
    if (identity.getStore() !== undefined) return scenario
  }
  return undefined
}
