import type { Device, Mirror } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import { withScene } from '../parts/scene.js'

/** Brings all pages of the mirror back; false if some had to stay. */
type Variant = (device: Device, mirror: Mirror) => Promise<boolean>

const faulty: Variant = async (device, mirror) => {
  let collected = 0
  let moved = 0
  for (let tries = 0; tries < 3; tries++) {
    const result = await device.memory.migrate(mirror, mirror.range, { to: 'system' })
    collected += mirror.range.pages - result.count('already-there')
    moved = result.migrated
    if (moved === collected) return true
  }
  return false
}

const fixed: Variant = async (device, mirror) => {
  let collected = 0
  let moved = 0
  for (let tries = 0; tries < 3; tries++) {
    const result = await device.memory.migrate(mirror, mirror.range, { to: 'system' })
    collected = mirror.range.pages - result.count('already-there')
    moved = result.migrated
    if (moved === collected) return true
  }
  return false
}

export default defineBug<Variant>({
  id: 'count-not-reset',
  about:
    'An eviction that has to try again goes on counting from where it was: the numbers ' +
    'never meet, ' +
    'and an eviction that succeeded is reported as failed.',
  upstream: {
    subject: 'drm/pagemap: Reset migration page count on eviction retry',
    release: '7.2.7',
  },
  level: 'device memory',
  mirror: {
    answer: 'impossible by construction',
    because: 'memory.evict() moves all and tries again itself; nothing is counted by the driver',
    evidence: ['case:memory/evict/all-memory-is-free-afterwards'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(
      world,
      async ({ device, space, buffer, control }) => {
        const mirror = await device.mirror(space, buffer, { invalidate: () => undefined })
        await device.memory.migrate(mirror, buffer, { to: 'device' })
        await world.race({
          evict: async () => {
            if (!(await variant(device, mirror))) throw new Error('the eviction says it failed')
          },
          // A page that somebody holds for a moment.
          other: () => device.sync.mutex('other').run(() => control.failNext('migrate-entry')),
        })
        await device.memory.evict()
        await mirror.close()
      },
      { pages: 2 },
    ),
})
