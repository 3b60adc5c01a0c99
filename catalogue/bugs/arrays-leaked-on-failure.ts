import type { Device, Mirror } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import type { Heap } from '../parts/heap.js'
import { withScene } from '../parts/scene.js'

/** Brings a page back. */
type Variant = (device: Device, mirror: Mirror, heap: Heap) => Promise<boolean>

const faulty: Variant = async (device, mirror, heap) => {
  const pfns = heap.alloc('array of pfns')
  const result = await device.memory.migrate(mirror, mirror.range, { to: 'system' })
  if (result.migrated === 0) return false
  pfns.free()
  return true
}

const fixed: Variant = async (device, mirror, heap) => {
  const pfns = heap.alloc('array of pfns')
  const result = await device.memory.migrate(mirror, mirror.range, { to: 'system' })
  pfns.free()
  if (result.migrated === 0) return false
  return true
}

export default defineBug<Variant>({
  id: 'arrays-leaked-on-failure',
  about: 'The handler of a CPU fault leaks its arrays when there is nothing left to migrate.',
  upstream: { subject: 'seen in drivers/gpu/drm/nouveau/nouveau_dmem.c of 7.3.4, not mended' },
  level: 'device memory',
  mirror: {
    answer: 'impossible by construction',
    because: 'CPU faults are served by the backend; the driver only hears of them',
    evidence: ['case:memory/cpu-fault/read-brings-back'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(world, async ({ device, space, buffer, heap }) => {
      const mirror = await device.mirror(space, buffer, { invalidate: () => undefined })
      await device.memory.migrate(mirror, buffer, { to: 'device' })
      await world.race({
        driver: () => variant(device, mirror, heap),
        cpu: () => space.read(buffer.start, 1),
      })
      await mirror.close()
    }),
})
