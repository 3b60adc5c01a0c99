import { MIGRATE_OUTCOMES, type RawBackend } from '@hmm-sdk/hmm-api/raw'

const [BUSY, DECLINED] = [MIGRATE_OUTCOMES.indexOf('busy'), MIGRATE_OUTCOMES.indexOf('declined')]
/** Pages of a huge page. */
const HUGE = 512

/**
 * What a kernel does now and then: migration is best effort, and a page that somebody holds stays. Of each
 * device, the first migration leaves all pages where they are.
 */
export function withHeldPages(raw: RawBackend): RawBackend {
  return replace(raw, {
    openDevice: async (name, options) => {
      const device = await raw.openDevice(name, options)
      const { memory } = device
      if (memory === undefined) return device
      let held = true
      const migrate: typeof memory.migrate = async (mirror, request, ...rest) => {
        if (!held) return memory.migrate(mirror, request, ...rest)
        held = false
        const busy = (outcomes: Uint8Array): Uint8Array =>
          outcomes.map((outcome) => (outcome === DECLINED ? BUSY : outcome))
        // Declining a page of a huge page would split it.
        if (request.pages >= HUGE) return { outcomes: new Uint8Array(request.pages).fill(BUSY) }
        const declined = Array.from({ length: request.pages }, (_, index) => index)
        const done = await memory.migrate(mirror, { ...request, declined }, ...rest)
        return { ...done, outcomes: busy(done.outcomes) }
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
