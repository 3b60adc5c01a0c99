import type { WorkQueue } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import { Reference } from '../parts/reference.js'
import { withScene } from '../parts/scene.js'

/** What happens when the last reference of the mm is dropped. */
type Variant = (restore: WorkQueue) => Promise<void>

const faulty: Variant = async (restore) => {
  await restore.flush()
}

const fixed: Variant = async () => {
  // Whoever frees the process object flushes, later and from another work.
}

export default defineBug<Variant>({
  id: 'flush-of-own-work',
  about:
    'The exit of a process waits for the work that restores its ranges. That work holds a reference ' +
    'of the mm, and if it drops the last one, the exit runs inside the work that it waits for.',
  upstream: {
    subject: 'drm/amdkfd: svm range restore work deadlock when process exit',
    commit: '6225bb3a88d2',
  },
  adapted:
    'The API has no reference of an address space; a reference count of the driver stands for it.',
  level: 'sync',
  mirror: {
    answer: 'found by exploration',
    because: 'work queues are of the driver; a wait of a work for itself is named',
    evidence: ['run'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(world, async ({ device, space, buffer }) => {
      const restore = device.sync.workQueue('restore')
      const lock = device.sync.mutex('ranges')
      const mm = new Reference('mm', () => variant(restore))
      const notifier = await device.notifier(space, buffer, {
        invalidate: () =>
          restore.queue(async () => {
            if (!mm.tryGet()) return
            await lock.run(() => undefined)
            await mm.put()
          }),
      })
      await world.race({
        cpu: () => space.madvise(buffer, 'dontneed'),
        exit: () => lock.run(() => mm.put()),
      })
      await restore.flush()
      await notifier.close()
    }),
})
