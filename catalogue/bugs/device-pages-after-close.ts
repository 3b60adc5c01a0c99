import type { Device, Mirror } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import type { Allocation } from '../parts/heap.js'
import { withScene } from '../parts/scene.js'

interface Session {
  readonly device: Device
  readonly mirror: Mirror
  /** What CPU faults on pages of the session use. */
  readonly context: Allocation
}
type Variant = (session: Session) => Promise<void>

const faulty: Variant = async ({ mirror, context }) => {
  await mirror.close()
  context.free()
}

const fixed: Variant = async ({ device, mirror, context }) => {
  await device.memory.evict()
  device.memory.onCpuFault(undefined)
  await mirror.close()
  context.free()
}

export default defineBug<Variant>({
  id: 'device-pages-after-close',
  about:
    'A file is closed while pages of the process are still in the memory of the device. The next ' +
    'touch of the CPU brings one back, through a context that was freed.',
  upstream: {
    subject: 'lib: test_hmm: evict device pages on file close to avoid use-after-free',
    commit: '744dd97752ef',
  },
  level: 'device memory',
  mirror: {
    answer: 'found by exploration',
    because: 'the backend serves the fault without the driver; what its listener uses is its own',
    evidence: ['run', 'case:memory/evict/close-of-the-mirror-keeps-device-pages'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(world, async ({ device, space, buffer, heap }) => {
      const context = heap.alloc('context')
      const mirror = await device.mirror(space, buffer, { invalidate: () => undefined })
      device.memory.onCpuFault(() => context.use())
      await device.memory.migrate(mirror, buffer, { to: 'device' })
      await world.race({
        cpu: () => space.read(buffer.start, 1),
        close: () => variant({ device, mirror, context }),
      })
      device.memory.onCpuFault(undefined)
    }),
})
