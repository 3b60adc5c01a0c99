import type { WorkQueue } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import type { Allocation } from '../parts/heap.js'
import { withScene } from '../parts/scene.js'

interface Process {
  /** Handles device faults. */
  readonly queue: WorkQueue
  readonly svmm: Allocation
  isClosing: boolean
}
type Variant = (process: Process) => Promise<void>

const faulty: Variant = async (process) => {
  process.isClosing = true
  process.svmm.free()
  await process.queue.flush()
}

const fixed: Variant = async (process) => {
  process.isClosing = true
  await process.queue.flush()
  process.svmm.free()
}

export default defineBug<Variant>({
  id: 'fault-worker-after-free',
  about:
    'The object of a process is freed while the worker that handles device faults still has' +
    ' one of ' +
    'it in its hands.',
  upstream: {
    subject: 'drm/nouveau/svm: drain fault handler before freeing svmm',
    release: '7.3.4',
  },
  level: 'sync',
  mirror: {
    answer: 'found by exploration',
    because: 'a map of a closed mirror fails with EBADF; other objects of a driver are its own',
    evidence: ['run', 'case:lifecycle/use-after-close/mirror.map'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(world, async ({ device, space, buffer, heap }) => {
      const queue = device.sync.workQueue('faults')
      const svmm = heap.alloc('svmm')
      const process: Process = { queue, svmm, isClosing: false }
      const notifier = await device.notifier(space, buffer, { invalidate: () => undefined })
      const handle = async (): Promise<void> => {
        await notifier.faultAndCommit(buffer, { request: 'read' }, () => svmm.use())
      }
      await world.race({
        device: () =>
          device.sync.mutex('interrupt').run(() => {
            if (!process.isClosing) queue.queue(handle)
          }),
        close: () => variant(process),
      })
      await notifier.close()
    }),
})
