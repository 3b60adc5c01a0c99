import type { IntervalNotifier, Mutex } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import type { Allocation } from '../parts/heap.js'
import { withScene } from '../parts/scene.js'

interface Region {
  /** The key in the adapter, which answers with an error once it is destroyed. */
  key: Allocation | undefined
  readonly lock: Mutex
  readonly notifier: IntervalNotifier
}
type Variant = (region: Region) => Promise<void>

const faulty: Variant = async (region) => {
  await region.lock.run(() => {
    region.key?.free()
  })
  await region.notifier.close()
}

const fixed: Variant = async (region) => {
  await region.lock.run(() => {
    region.key?.free()
    region.key = undefined
  })
  await region.notifier.close()
}

export default defineBug<Variant>({
  id: 'zap-of-destroyed-key',
  about:
    'The key of a region is destroyed before the notifier is removed. An invalidation in between ' +
    'clears translations of a key that is gone, or belongs to another region by now.',
  upstream: {
    subject: 'RDMA/mlx5: Fix a race for an ODP MR which leads to CQE with error',
    commit: 'abb604a1a9c8',
  },
  level: 'notifier',
  mirror: {
    answer: 'found by exploration',
    because: 'the order in which a driver takes down its own objects is its own',
    evidence: ['run'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(world, async ({ device, space, buffer, heap }) => {
      const notifier = await device.notifier(space, buffer, {
        invalidate: () => region.key?.use(),
      })
      const lock = device.sync.mutex('umem')
      const region: Region = { key: heap.alloc('key'), lock, notifier }
      await world.race({
        deregister: () => variant(region),
        cpu: () => space.munmap(buffer),
      })
    }),
})
