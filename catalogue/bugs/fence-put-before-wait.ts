import type { Completion } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import type { Allocation } from '../parts/heap.js'
import { Reference } from '../parts/reference.js'
import { withScene } from '../parts/scene.js'

/** Says that the device is done; the device holds a reference until then. */
interface Fence {
  readonly memory: Allocation
  readonly references: Reference
  readonly signalled: Completion
}
/** Waits for what was submitted. */
type Variant = (fence: Fence) => Promise<void>

const faulty: Variant = async (fence) => {
  await fence.references.put()
  await wait(fence)
}

const fixed: Variant = async (fence) => {
  await wait(fence)
  await fence.references.put()
}

async function wait({ memory, signalled }: Fence): Promise<void> {
  memory.use()
  await signalled.wait()
  memory.use()
}

export default defineBug<Variant>({
  id: 'fence-put-before-wait',
  about:
    'The reference of a fence is dropped before it is waited for. When the device signals first, ' +
    'the wait is for a fence that was freed.',
  upstream: {
    subject: 'drm/amdgpu: Fix fence put before wait in amdgpu_amdkfd_submit_ib',
    release: '6.1.168',
  },
  level: 'sync',
  mirror: {
    answer: 'found by exploration',
    because: 'fences are of the driver; the engine of the API is awaited instead',
    evidence: ['run'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(world, async ({ device, heap }) => {
      const memory = heap.alloc('fence')
      const references = new Reference('fence', () => memory.free())
      references.get()
      const signalled = device.sync.completion('fence')
      await world.race({
        submit: () => variant({ memory, references, signalled }),
        device: async () => {
          signalled.complete()
          await references.put()
        },
      })
    }),
})
