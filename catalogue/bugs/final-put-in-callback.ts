import type { IntervalNotifier, InvalidateCallback, WorkQueue } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import { Reference } from '../parts/reference.js'
import { withScene } from '../parts/scene.js'

interface Process {
  readonly mm: Reference
  readonly queue: WorkQueue
  evict(): void
}
type Variant = (process: Process) => InvalidateCallback<IntervalNotifier>

const faulty: Variant = ({ mm, evict }) => {
  const invalidate = async (): Promise<void> => {
    if (!mm.tryGet()) return
    evict()
    await mm.put()
  }
  return invalidate as never // its type refuses it: it may not wait
}

const fixed: Variant = ({ mm, queue, evict }) => {
  const invalidate = (): void => {
    if (!mm.tryGet()) return
    evict()
    queue.queue(() => mm.put())
  }
  return invalidate
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
    'The API has no reference of an address space; a reference count of the driver stands for it. ' +
    'A cast gets the callback past its type.',
  level: 'notifier',
  mirror: {
    answer: 'impossible by type',
    because: 'a callback that returns a promise does not compile; with a cast it is reported',
    evidence: ['type:callbackIsSynchronous', 'run'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(world, async ({ device, space, buffer }) => {
      const queue = device.sync.workQueue('deferred')
      const lock = device.sync.mutex('exit')
      const mm = new Reference('mm', () => lock.run(() => undefined))
      const notifier = await device.notifier(space, buffer, {
        invalidate: variant({ mm, queue, evict: () => undefined }),
      })
      await world.race({
        cpu: () => space.madvise(buffer, 'dontneed'),
        exit: () => mm.put(),
      })
      await queue.flush()
      await notifier.close()
    }),
})
