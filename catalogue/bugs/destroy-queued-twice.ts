import { defineBug } from '../parts/bug.js'
import { withChildren, type ChildVariant } from '../parts/implicit-region.js'

const faulty: ChildVariant = ({ queue, release }, child) => {
  queue.queue(() => release(child))
}

const fixed: ChildVariant = ({ children, queue, release }, child) => {
  if (!children.delete(child.index)) return
  queue.queue(() => release(child))
}

export default defineBug<ChildVariant>({
  id: 'destroy-queued-twice',
  about:
    'An invalidation that empties a child of an implicit region queues its destruction. A second ' +
    'invalidation before that work has run finds it empty as well, and queues it again.',
  upstream: {
    subject: 'RDMA/mlx5: Fix implicit ODP use after free',
    commit: 'd3d930411ce3',
  },
  level: 'notifier',
  mirror: {
    answer: 'found by exploration',
    because: 'close() of a mirror is idempotent, but what a driver frees beside it is its own',
    evidence: ['run', 'case:lifecycle/close/mirror-twice'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withChildren(world, variant, async ({ space, buffer, control, drain }) => {
      await world.race({
        reclaim: () => control.reclaim(space, buffer),
        cpu: () => space.munmap(buffer),
      })
      await drain()
    }),
})
