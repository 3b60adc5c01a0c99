import type { Mutex } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import { withScene } from '../parts/scene.js'

interface Locks {
  readonly notifier: Mutex
  readonly folio: Mutex
}
type Variant = (locks: Locks) => Promise<void>

const faulty: Variant = async ({ notifier, folio }) => {
  await notifier.lock()
  await folio.run(() => undefined) // set_page_dirty_lock
  notifier.unlock()
}

const fixed: Variant = async ({ notifier, folio }) => {
  await notifier.lock()
  notifier.unlock()
  await folio.run(() => undefined) // set_page_dirty_lock
}

export default defineBug<Variant>({
  id: 'dirty-under-notifier-lock',
  about:
    'The bind marks pages dirty while it holds the lock of its notifier, which takes the lock of ' +
    'the folio; migration holds that one and waits for the invalidate callback.',
  upstream: {
    subject: 'drm/xe/userptr: fix notifier vs folio deadlock',
    commit: '2577b202458c',
  },
  adapted:
    'An invalidate callback of this API cannot wait for a lock, so the side of migration is an ' +
    'actor with the two locks of the kernel.',
  level: 'sync',
  mirror: {
    answer: 'impossible by construction',
    because: "the commit is synchronous and cannot wait for a lock; dirty marks are the backend's",
    evidence: ['type:commitIsSynchronous', 'case:mirror/commit/locking-in-it'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(world, async ({ device }) => {
      const notifier = device.sync.mutex('notifier')
      const folio = device.sync.mutex('folio')
      await world.race({
        bind: () => variant({ notifier, folio }),
        migration: () => folio.run(() => notifier.run(() => undefined)),
      })
    }),
})
