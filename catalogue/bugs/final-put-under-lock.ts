import type { Mutex } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import { Reference } from '../parts/reference.js'
import { withScene } from '../parts/scene.js'

interface Region {
  readonly lock: Mutex
  readonly mm: Reference
  /** The loop of the page fault: fault, map. */
  mapPages(): Promise<void>
}
type Variant = (region: Region) => Promise<void>

const faulty: Variant = async ({ lock, mm, mapPages }) => {
  if (!mm.tryGet()) return
  await lock.lock()
  await mapPages()
  await mm.put()
  lock.unlock()
}

const fixed: Variant = async ({ lock, mm, mapPages }) => {
  if (!mm.tryGet()) return
  await lock.lock()
  await mapPages()
  lock.unlock()
  await mm.put()
}

export default defineBug<Variant>({
  id: 'final-put-under-lock',
  about:
    'The page fault drops its reference of the mm while it holds the lock of the region. If' +
    ' it was ' +
    'the last one, the exit begins there and invalidates the region, which needs that lock.',
  upstream: {
    subject: 'IB/core: Fix a nested dead lock as part of ODP flow',
    commit: '85eaeb5058f0',
  },
  adapted:
    'The API has no reference of an address space; a reference count of the driver stands for ' +
    'it, and taking the lock for the invalidation by the exit.',
  level: 'sync',
  mirror: {
    answer: 'impossible by construction',
    because: 'a mirror holds no reference of the address space, so there is none to drop',
    evidence: ['case:events/release/exit'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(world, async ({ device, space, buffer }) => {
      const lock = device.sync.mutex('umem')
      const notifier = await device.notifier(space, buffer, { invalidate: () => undefined })
      const mm = new Reference('mm', () => lock.run(() => undefined)) // exit_mmap invalidates
      const mapPages = async (): Promise<void> => {
        await notifier.faultAndCommit(buffer, { request: 'read' }, () => undefined)
      }
      await world.race({
        driver: () => variant({ lock, mm, mapPages }),
        exit: () => mm.put(),
      })
      await notifier.close()
    }),
})
