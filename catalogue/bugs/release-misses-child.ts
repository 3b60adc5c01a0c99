import type { Mutex } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import type { Allocation, Heap } from '../parts/heap.js'
import { withScene } from '../parts/scene.js'

interface Region {
  readonly children: Map<number, Allocation>
  readonly heap: Heap
  readonly commands: Mutex
  isDead: boolean
}
/** The end of the region: destroys all children. */
type Variant = (region: Region) => Promise<void>

const faulty: Variant = async (region) => {
  const { children, commands } = region
  for (const [index, child] of [...children]) {
    children.delete(index)
    await commands.run(() => child.free())
  }
  region.isDead = true
}

const fixed: Variant = async (region) => {
  const { children, commands } = region
  region.isDead = true
  for (const [index, child] of [...children]) {
    children.delete(index)
    await commands.run(() => child.free())
  }
}

/** A fault, which brings its child if the region is alive. */
function fault({ children, heap, isDead }: Region, index: number): void {
  if (!isDead && !children.has(index)) children.set(index, heap.alloc(`child ${index}`))
}

export default defineBug<Variant>({
  id: 'release-misses-child',
  about:
    'The release of an implicit region goes through its children while faults still add ' +
    'some. The ' +
    'one that comes behind the walk is never freed.',
  upstream: { subject: 'IB/mlx5: Fix implicit MR release flow', release: '5.2.17' },
  level: 'sync',
  mirror: {
    answer: 'found by exploration',
    because: 'a mirror that was missed is named as a leak when the device is closed',
    evidence: ['run', 'case:lifecycle/close/device-names-leaks'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(world, async ({ device, heap }) => {
      const commands = device.sync.mutex('commands')
      const region: Region = { children: new Map(), heap, commands, isDead: false }
      fault(region, 0)
      await world.race({
        release: () => variant(region),
        device: () => commands.run(() => fault(region, 1)),
      })
    }),
})
