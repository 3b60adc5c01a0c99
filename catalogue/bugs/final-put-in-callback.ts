import type { WorkQueue } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import { Reference } from '../parts/reference.js'
import { withScene } from '../parts/scene.js'

/** What the invalidate callback of the driver queues: evict the queues of the process. */
type Variant = (queue: WorkQueue, mm: Reference, evict: () => Promise<void>) => void

const faulty: Variant = (queue, mm, evict) => {
  if (!mm.tryGet()) return
  queue.queue(async () => {
    await evict()
    await mm.put()
  })
}

const fixed: Variant = (queue, mm, evict) => {
  if (mm.count === 0) return
  queue.queue(async () => {
    await evict()
  })
}

export default defineBug<Variant>({
  id: 'final-put-in-callback',
  about:
    'The notifier callback takes a reference of the mm and drops it at its end. If the process ' +
    'exited meanwhile that was the last one: the exit runs inside the callback and waits for it.',
  upstream: {
    subject: "drm/amdkfd: Don't call mmput from MMU notifier callback",
    release: '6.12.41',
  },
  adapted:
    'The API has no reference of an address space; a reference count of the driver stands for ' +
    'it, and a flush of its callbacks for what the exit waits for.',
  level: 'sync',
  mirror: {
    answer: 'impossible by construction',
    because: 'a mirror holds no reference of the address space, so there is none to drop',
    evidence: ['case:events/release/exit', 'case:lifecycle/use-after-exit/mirror.map'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(world, async ({ device, space, buffer }) => {
      const queue = device.sync.workQueue('callbacks')
      const lock = device.sync.mutex('queues')
      const mm = new Reference('mm', () => queue.flush()) // exit_mmap waits for the callbacks
      const evict = (): Promise<void> => lock.run(() => undefined)
      const notifier = await device.notifier(space, buffer, {
        invalidate: () => variant(queue, mm, evict),
      })
      await world.race({
        cpu: () => space.madvise(buffer, 'dontneed'),
        exit: () => mm.put(),
      })
      await queue.flush()
      await notifier.close()
    }),
})
