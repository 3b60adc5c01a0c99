import type { Mutex } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import { Reference } from '../parts/reference.js'
import { withScene } from '../parts/scene.js'

/** `ibv_advise_mr`: takes each region, then prefetches them all. */
type Variant = (keys: Map<number, Reference>, wanted: number[], work: Mutex) => Promise<void>

const faulty: Variant = async (keys, wanted, work) => {
  const taken: Reference[] = []
  for (const key of wanted) {
    const region = await work.run(() => keys.get(key))
    if (region === undefined || !region.tryGet()) return
    taken.push(region)
  }
  for (const region of taken) await region.put()
}

const fixed: Variant = async (keys, wanted, work) => {
  const taken: Reference[] = []
  for (const key of wanted) {
    const region = await work.run(() => keys.get(key))
    if (region === undefined || !region.tryGet()) break
    taken.push(region)
  }
  for (const region of taken) await region.put()
}

export default defineBug<Variant>({
  id: 'leaked-prefetch',
  about:
    'A prefetch of several regions finds one that is gone, and returns without giving back those ' +
    'that it had taken before: their deregistration waits for ever.',
  upstream: {
    subject: 'RDMA/mlx5: Fix prefetch memory leak if get_prefetchable_mr fails',
    release: '5.7.17',
  },
  level: 'sync',
  mirror: {
    answer: 'found by exploration',
    because: 'counts of users are the business of a driver; the wait that never ends is named',
    evidence: ['run'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(world, async ({ device }) => {
      const keys = new Map<number, Reference>()
      const deregister = async (key: number): Promise<void> => {
        const region = keys.get(key)
        keys.delete(key)
        await region?.put()
        await idle[key]?.wait()
      }
      const idle = [0, 1].map((key) => device.sync.completion(`key ${key} is idle`))
      for (const key of [0, 1]) {
        keys.set(key, new Reference(`region ${key}`, () => idle[key]?.complete()))
      }
      await world.race({
        prefetch: () => variant(keys, [0, 1], device.sync.mutex('keys')),
        deregister: () => deregister(1),
      })
      await world.race({ deregister: () => deregister(0) })
    }),
})
