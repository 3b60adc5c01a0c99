import type { Mutex } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import type { Allocation, Heap } from '../parts/heap.js'
import { withScene } from '../parts/scene.js'

interface Region {
  readonly children: Map<number, Allocation>
  readonly heap: Heap
  /** Commands of the adapter, which sleep. */
  readonly commands: Mutex
}
/** The child for a fault, made if there is none. */
type Variant = (region: Region, index: number) => Promise<Allocation>

const faulty: Variant = async ({ children, heap, commands }, index) => {
  const found = children.get(index)
  if (found !== undefined) return found
  const child = heap.alloc('child')
  await commands.run(() => child.use())
  children.set(index, child)
  return child
}

const fixed: Variant = async ({ children, heap, commands }, index) => {
  const found = children.get(index)
  if (found !== undefined) return found
  const child = heap.alloc('child')
  await commands.run(() => child.use())
  const other = children.get(index)
  if (other !== undefined) child.free()
  else children.set(index, child)
  return other ?? child
}

export default defineBug<Variant>({
  id: 'child-inserted-twice',
  about:
    'Two faults look for the same child at the same time, find none, and both insert one. ' +
    'The first ' +
    'is lost, with all that was mapped in it.',
  upstream: {
    subject: 'RDMA/mlx5: Fix unsafe xarray access in implicit ODP handling',
    release: '6.12.37',
  },
  level: 'sync',
  mirror: {
    answer: 'found by exploration',
    because: 'a mirror that was lost this way is named as a leak when the device is closed',
    evidence: ['run', 'case:lifecycle/close/device-names-leaks'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(world, async ({ device, heap }) => {
      const children = new Map<number, Allocation>()
      const region = { children, heap, commands: device.sync.mutex('commands') }
      await world.race({
        fault: async () => (await variant(region, 0)).use(),
        other: async () => (await variant(region, 0)).use(),
      })
      for (const child of children.values()) child.free()
    }),
})
