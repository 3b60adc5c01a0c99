import { openBackend } from '@hmm-sdk/hmm-api'
import { runConformance } from '@hmm-sdk/hmm-api/conformance'
import { MIGRATE_OUTCOMES, type RawBackend } from '@hmm-sdk/hmm-api/raw'
import { expect, it } from 'vitest'
import { createSimulation } from '@hmm-sdk/backend-sim'

// What a kernel does now and then: migration is best effort, and a page that somebody holds stays.
it('moving pages for a case is tried again where they are held for a moment', async () => {
  const open = () => openBackend({ backend: withHeldPages(createSimulation()) })
  const report = await runConformance({ open, only: 'memory/cpu-fault/block-around-it' })
  expect(report.results.map(({ status }) => status)).toEqual(['passed'])
})

/** Of each device, the first migration leaves all pages but the first four where they are. */
function withHeldPages(raw: RawBackend): RawBackend {
  return replace(raw, {
    openDevice: async (name, options) => {
      const device = await raw.openDevice(name, options)
      const { memory } = device
      if (memory === undefined) return device
      let held = true
      const migrate: typeof memory.migrate = async (mirror, request, ...rest) => {
        if (!held) return memory.migrate(mirror, request, ...rest)
        held = false
        const pages = Math.min(request.pages, 4)
        const done = await memory.migrate(mirror, { ...request, pages }, ...rest)
        const outcomes = new Uint8Array(request.pages).fill(MIGRATE_OUTCOMES.indexOf('busy'))
        outcomes.set(done.outcomes)
        return { ...done, outcomes }
      }
      return replace(device, { memory: replace(memory, { migrate }) })
    },
  })
}

function replace<T extends object>(object: T, members: Partial<T>): T {
  return new Proxy(object, {
    get(target, key) {
      if (Object.hasOwn(members, key)) return members[key as keyof T]
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}
