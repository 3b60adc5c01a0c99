import { HmmError, type VirtualRange } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import { DeviceTable } from '../parts/device-table.js'
import { withScene } from '../parts/scene.js'

/** Binds again what was invalidated. */
type Variant = (
  invalidated: Set<VirtualRange>,
  pin: (page: VirtualRange) => Promise<void>,
) => Promise<void>

const faulty: Variant = async (invalidated, pin) => {
  const pinned = [...invalidated]
  invalidated.clear()
  for (const page of pinned) await pin(page)
}

const fixed: Variant = async (invalidated, pin) => {
  const pinned = [...invalidated]
  invalidated.clear()
  try {
    for (const page of pinned) await pin(page)
  } catch (error) {
    for (const page of pinned) invalidated.add(page)
    throw error
  }
}

export default defineBug<Variant>({
  id: 'lost-from-pin-list',
  about:
    'What was invalidated is moved to a list and bound again one by one. If one cannot be bound, ' +
    'those behind it are on no list any more, and are never bound again.',
  upstream: {
    subject: 'drm/xe/userptr: restore invalidation list on error',
    commit: '4e37e928928b',
  },
  level: 'notifier',
  mirror: {
    answer: 'found by exploration',
    because: 'a mirror maps on faults and needs no such list; a driver that keeps one must keep it',
    evidence: ['run'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(
      world,
      async (scene) => {
        const { device, space, buffer } = scene
        const table = new DeviceTable(scene)
        const pages = buffer.chunks(1)
        const invalidated = new Set(pages)
        const notifier = await device.notifier(space, buffer, {
          invalidate: ({ range }) => {
            table.clear(range)
            for (const page of pages) if (page.overlaps(range)) invalidated.add(page)
          },
        })
        const pin = async (page: VirtualRange): Promise<void> => {
          await notifier.faultAndCommit(page, { request: 'read' }, (read) =>
            table.install(page, read),
          )
        }
        await world.race({
          bind: () =>
            variant(invalidated, pin).catch((error: unknown) => {
              if (!HmmError.is(error) || error.code !== 'EFAULT') throw error
            }),
          cpu: () => space.munmap(buffer.page(0)),
        })
        for (const page of pages) {
          if (table.has(page) || invalidated.has(page)) continue
          throw new Error(`page ${page.toString()} is not bound, and nobody knows`)
        }
        await notifier.close()
      },
      { pages: 2 },
    ),
})
