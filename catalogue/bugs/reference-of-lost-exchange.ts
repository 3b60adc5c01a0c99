import { defineBug } from '../parts/bug.js'
import { withChildren, type ChildVariant } from '../parts/implicit-region.js'

const faulty: ChildVariant = ({ parent, children, queue, release }, child) => {
  if (!parent.tryGet()) return
  if (!children.delete(child.index)) return
  queue.queue(async () => {
    await release(child)
    await parent.put()
  })
}

const fixed: ChildVariant = ({ parent, children, queue, release }, child) => {
  if (!parent.tryGet()) return
  if (!children.delete(child.index)) return void parent.put()
  queue.queue(async () => {
    await release(child)
    await parent.put()
  })
}

export default defineBug<ChildVariant>({
  id: 'reference-of-lost-exchange',
  about:
    'The fix of a double destruction: whoever comes second leaves, but keeps the reference ' +
    'of the ' +
    'parent that it took. The deregistration of the parent waits for it for ever.',
  upstream: {
    subject: 'RDMA/mlx5: Fix implicit ODP hang on parent deregistration',
    release: '6.12.19',
  },
  level: 'sync',
  mirror: {
    answer: 'found by exploration',
    because:
      'a deadlock at the end names the wait and the actor; references of a driver are its own',
    evidence: ['run'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withChildren(world, variant, async ({ space, buffer, control, parent, isIdle, drain }) => {
      await world.race({
        reclaim: () => control.reclaim(space, buffer),
        cpu: () => space.munmap(buffer),
        deregister: async () => {
          await parent.put()
          await isIdle.wait()
        },
      })
      await drain()
    }),
})
