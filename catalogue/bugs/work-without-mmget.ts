import type { WorkQueue } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import type { Allocation } from '../parts/heap.js'
import { Reference } from '../parts/reference.js'
import { withScene } from '../parts/scene.js'

/** Queues the restore of what an invalidation took away. */
type Variant = (queue: WorkQueue, mm: Reference, ranges: Allocation) => void

const faulty: Variant = (queue, mm, ranges) => {
  queue.queue(async () => {
    mm.get()
    ranges.use()
    await mm.put()
  })
}

const fixed: Variant = (queue, mm, ranges) => {
  queue.queue(async () => {
    if (!mm.tryGet()) return
    ranges.use()
    await mm.put()
  })
}

export default defineBug<Variant>({
  id: 'work-without-mmget',
  about:
    'What an invalidation queued runs after the process is gone, and takes a reference of an ' +
    'address space that has none left.',
  upstream: { subject: 'drm/amdkfd: Use mmget_not_zero in MMU notifier', release: '5.18.14' },
  adapted:
    'The API has no reference of an address space; a reference count of the driver stands for ' +
    'it.',
  level: 'sync',
  mirror: {
    answer: 'impossible by construction',
    because: 'after the exit every call of the mirror fails with ESRCH; nothing is revived',
    evidence: [
      'case:lifecycle/use-after-exit/mirror.map',
      'case:lifecycle/use-after-exit/mirror.fault',
    ],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(world, async ({ device, space, buffer, heap }) => {
      const queue = device.sync.workQueue('restore')
      const ranges = heap.alloc('svm ranges')
      const mm = new Reference('mm', () => ranges.free())
      const notifier = await device.notifier(space, buffer, {
        invalidate: () => variant(queue, mm, ranges),
      })
      await world.race({
        cpu: () => space.madvise(buffer, 'dontneed'),
        exit: () => mm.put(),
      })
      await queue.flush()
      await notifier.close()
    }),
})
