import type { Device, Mirror } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import type { Allocation, Heap } from '../parts/heap.js'
import { withScene } from '../parts/scene.js'

interface Range {
  readonly device: Device
  readonly mirror: Mirror
  readonly heap: Heap
  /** Memory of the device that its pages are in. */
  block: Allocation | undefined
}
type Variant = (range: Range) => Promise<void>

const faulty: Variant = async (range) => {
  const { device, mirror, heap } = range
  const block = heap.alloc('block of device memory')
  await device.memory.migrate(mirror, mirror.range, { to: 'device' })
  range.block = block
}

const fixed: Variant = async (range) => {
  const { device, mirror, heap } = range
  const block = heap.alloc('block of device memory')
  const result = await device.memory.migrate(mirror, mirror.range, { to: 'device' })
  if (result.migrated === 0) block.free()
  else range.block = block
}

export default defineBug<Variant>({
  id: 'double-migration',
  about:
    'Two migrations of the same range to the device: the second moves nothing, since the ' +
    'pages are ' +
    'there already, and yet takes the place of the first in the books of the driver.',
  upstream: { subject: 'drm/pagemap: Prevent double migration of device pages', release: '7.2.7' },
  level: 'device memory',
  mirror: {
    answer: 'found by exploration',
    because: 'the result says of each page whether it moved; a driver has to look',
    evidence: ['run', 'case:memory/migrate/already-there'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(world, async ({ device, space, buffer, heap }) => {
      const mirror = await device.mirror(space, buffer, { invalidate: () => undefined })
      const range: Range = { device, mirror, heap, block: undefined }
      await world.race({
        prefetch: () => variant(range),
        fault: () => variant(range),
      })
      await device.memory.evict()
      range.block?.free()
      await mirror.close()
    }),
})
