import type { Mutex } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import { withScene } from '../parts/scene.js'

/** A page of the card. */
interface CardPage {
  pins: number
  isEvicted: boolean
}
/** Pins what was registered as memory of the device. */
type Variant = (chunk: readonly CardPage[]) => void

const faulty: Variant = (chunk) => {
  for (const page of chunk.slice(0, 1)) page.pins += 1
}

const fixed: Variant = (chunk) => {
  for (const page of chunk) page.pins += 1
}

/** The manager of the card takes a page that nobody has pinned. */
async function evict(chunk: readonly CardPage[], manager: Mutex): Promise<void> {
  await manager.run(() => {
    const victim = chunk.find(({ pins }) => pins === 0)
    if (victim !== undefined) victim.isEvicted = true
  })
}

export default defineBug<Variant>({
  id: 'partly-pinned-memory',
  about:
    'A chunk of the card is registered as memory of the device, but only a part of it is pinned: ' +
    'the manager moves the rest away under the pages of processes.',
  upstream: {
    subject: 'drm/nouveau/dmem: pin VRAM for the whole registered range',
    commit: '64ca4cdd1031',
    release: '7.2.9',
  },
  adapted:
    'The memory of a device belongs to the backend here, so the pages of the card are objects ' +
    'of the driver.',
  level: 'sync',
  mirror: {
    answer: 'impossible by construction',
    because: 'the memory of a device is registered and held by the backend, all of it',
    evidence: ['case:memory/migrate/to-device'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(world, async ({ device }) => {
      const manager = device.sync.mutex('manager of the card')
      const chunk: CardPage[] = [0, 1].map(() => ({ pins: 0, isEvicted: false }))
      variant(chunk)
      await world.race({
        driver: async () => {
          for (const page of chunk) {
            await manager.run(() => {
              if (page.isEvicted) throw new Error('a page of a process was moved away')
            })
          }
        },
        manager: () => evict(chunk, manager),
      })
    }),
})
