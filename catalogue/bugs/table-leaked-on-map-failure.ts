import { type DmaMapping, type HostBuffer } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import type { Heap } from '../parts/heap.js'
import { withScene, type Scene } from '../parts/scene.js'

/** Builds the scatter table of a buffer and maps it; undefined if it cannot be mapped. */
type Variant = (heap: Heap, map: () => Promise<DmaMapping>) => Promise<DmaMapping | undefined>

const faulty: Variant = async (heap, map) => {
  const table = heap.alloc('sg table')
  try {
    const mapping = await map()
    table.free()
    return mapping
  } catch {
    return undefined
  }
}

const fixed: Variant = async (heap, map) => {
  const table = heap.alloc('sg table')
  try {
    const mapping = await map()
    table.free()
    return mapping
  } catch {
    table.free()
    return undefined
  }
}

/** Maps after the address space of the device was waited for. */
async function mapLater({ device }: Scene, buffer: HostBuffer): Promise<DmaMapping> {
  await device.sync.mutex('iova').run(() => undefined)
  return device.dma.map(buffer, { direction: 'bidirectional' })
}

export default defineBug<Variant>({
  id: 'table-leaked-on-map-failure',
  about: 'The table of pages is built, mapping it fails, and only what holds the table is freed.',
  upstream: {
    subject: 'drm/amdgpu: refine error handling in amdgpu_ttm_tt_pin_userptr',
    release: '6.1.120',
  },
  level: 'mapping',
  mirror: {
    answer: 'impossible by construction',
    because: 'a map is all or nothing and undoes itself; the driver builds no table',
    evidence: ['case:mirror/all-or-nothing/hole-in-the-middle'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(world, async (scene) => {
      const { device, heap, control } = scene
      const buffer = await device.dma.allocBuffer({ bytes: 4096, name: 'pages' })
      await world.race({
        driver: async () => {
          const mapping = await variant(heap, () => mapLater(scene, buffer))
          mapping?.unmap()
        },
        pressure: () => device.sync.mutex('pressure').run(() => control.failNext('iova')),
      })
      await buffer.close()
    }),
})
